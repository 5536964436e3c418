import { setTimeout as pause } from "node:timers/promises";

import { expect } from "vitest";

import { catalogueParts, ToolRegistry, type Target } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import type { AuditEntry } from "../../../src/optimizer/service/audit.ts";
import type { Adjustment } from "../../../src/optimizer/tuning/adjustment.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker, type StartWorkerOptions, type TuttiWorker } from "../../../src/worker.ts";
import { test as withRedis } from "../../support/runner/redis.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const CALL_MS = 60;
const tool = (limits: string): string =>
  [
    "tutti: 1",
    "tools:",
    `  - { id: ask, name: Ask, category: foundation, capabilities: [testing], idempotent: true, binding: { type: in_process }, limits: ${limits} }`,
  ].join("\n");

type TuneEntry = Exclude<AuditEntry, { event: "learned" | "measured" }> & {
  readonly adjustment: Adjustment;
};

interface Tuned {
  readonly client: () => Tutti;
  /** Starts a deployment ten times as fast as real ones, with more work than it can do. */
  readonly flood: (
    limits: string,
    ask: ToolHandler,
    more?: Partial<StartWorkerOptions>,
    target?: Target,
  ) => Promise<void>;
  /** Starts one more worker, with the optimizer turned off. */
  readonly turnOff: () => Promise<void>;
  /** What the optimizer changed, the oldest first. */
  readonly history: () => Promise<TuneEntry[]>;
  readonly slots: () => Promise<number | null>;
}

const test = withRedis.extend<{ tuned: Tuned }>({
  tuned: async ({ redisUrl, prefix }, use) => {
    const closers: (Tutti | TuttiWorker)[] = [];
    let tutti: Tutti | undefined;
    let options: StartWorkerOptions | undefined;
    const client = (): Tutti => {
      if (tutti === undefined) throw new Error("nothing was started");
      return tutti;
    };
    await use({
      client,
      flood: async (limits, ask, more = {}, target = "balanced") => {
        const { tools, budgets } = catalogueParts(tool(limits), "tools");
        const registry = new ToolRegistry(tools, budgets);
        tutti = new Tutti({ redisUrl, prefix, registry, maxRunning: 1_000 });
        closers.push(tutti);
        const steps = [{ id: "s", tool: "ask", forEach: "${{ input.items }}", maxParallel: 500 }];
        const items = Array.from({ length: 5_000 }, (_, n) => n);
        await tutti.submit({ tutti: 1, id: "flood", target, steps }, { input: { items } });
        options = {
          redisUrl,
          prefix,
          registry,
          handlers: { ask },
          learning: false,
          graceMs: 0,
          sampleIntervalMs: 100,
          optimizeIntervalMs: 500,
          maxRunning: 1_000,
          ...more,
        };
        const worker = await startWorker(options);
        closers.push(worker);
      },
      turnOff: async () => {
        if (options === undefined) throw new Error("nothing was started");
        closers.push(await startWorker({ ...options, optimizer: false }));
      },
      history: async () =>
        (await client().optimizer.history())
          .toReversed()
          .filter((entry): entry is TuneEntry => entry.adjustment.what === "concurrency"),
      slots: async () => {
        const { tools } = await client().gate.show();
        return tools.find((one) => one.tool === "ask")?.concurrency ?? null;
      },
    });
    for (const one of closers.toReversed()) await one.close();
  },
});

const told = (entries: readonly TuneEntry[]): string[] =>
  entries.map((entry) => {
    const { from, to } = entry.adjustment;
    return `${entry.event === "judged" ? entry.verdict : entry.event} ${from} -> ${to}`;
  });

/** Without raises that were taken back: a machine that stands still in the wrong moment hides what they gain. */
const lasting = (entries: readonly TuneEntry[]): TuneEntry[] => {
  const reverted = new Set(
    entries
      .filter((entry) => entry.event === "judged" && entry.verdict === "reverted")
      .map(({ adjustment }) => adjustment.id),
  );
  return entries.filter(({ adjustment }) => !reverted.has(adjustment.id));
};

test(
  "a tool that was given too little is raised while that proves a gain; the audit says what it did",
  {
    timeout: 120_000,
  },
  async ({ tuned: { client, flood, history, slots, turnOff } }) => {
    await flood("{ concurrency: 1, maxConcurrency: 3 }", () => pause(CALL_MS).then(() => null));
    expect(await slots()).toBe(1);
    const [made, kept, last] = await eventually(
      async () => {
        const entries = lasting(await history());
        expect(told(entries)).toEqual(["made 1 -> 2", "kept 1 -> 2", "made 2 -> 3", "kept 2 -> 3"]);
        return entries;
      },
      { timeoutMs: 90_000 },
    );
    const { id } = last!.adjustment;
    expect(made).toMatchObject({ by: "optimizer", adjustment: { tool: "ask" } });
    // The model was asked first: twice as many at once end twice as many.
    expect(made!.adjustment.foretold?.gain).toBeGreaterThan(1.3);
    expect(made!.adjustment.foretold?.plays).toBeGreaterThan(1);
    if (kept?.event !== "judged") throw new Error("it was not judged");
    expect(kept.adjustment.id).toBe(made!.adjustment.id);
    expect(kept.effect.gain).toBeGreaterThanOrEqual(kept.effect.bar);
    expect(await slots()).toBe(3);
    const tutti = client();
    expect(await tutti.optimizer.rollback({ id, by: "ada" })).toMatchObject({ from: 2, to: 3 });
    expect(await slots()).toBe(2);
    expect((await history()).at(-1)).toMatchObject({ event: "rolled_back", by: "ada" });
    await turnOff();
    expect(await slots()).toBe(1);
    expect((await history()).at(-1)).toMatchObject({
      by: "settings",
      adjustment: { id: id + 1, from: 2, to: 1 },
    });
    await expect(tutti.optimizer.rollback({ id })).rejects.toThrow(`no adjustment ${id}`);
  },
);

test(
  "a service that does no more with more calls: the raise is taken back",
  {
    timeout: 120_000,
  },
  async ({ tuned: { flood, history, slots } }) => {
    let turn: Promise<unknown> = Promise.resolve();
    // One call after another, however many there are.
    const ask: ToolHandler = () => {
      turn = turn.then(() => pause(CALL_MS / 2));
      return turn.then(() => null);
    };
    await flood("{ concurrency: 2, maxConcurrency: 9 }", ask);
    // One that was made while the machine stood still may seem to gain; none behind it does.
    const { from, to } = await eventually(
      async () => {
        const last = (await history()).at(-1);
        expect(last).toMatchObject({ event: "judged", verdict: "reverted" });
        return last!.adjustment;
      },
      { timeoutMs: 90_000 },
    );
    expect(to).toBeGreaterThan(from);
    await eventually(async () => expect(await slots()).toBe(from));
  },
);

test("a dry run says what would be raised and what that would gain, and raises nothing", async ({
  tuned: { client, flood, slots },
}) => {
  const ask: ToolHandler = () => pause(CALL_MS).then(() => null);
  await flood("{ concurrency: 1, maxConcurrency: 3 }", ask, { optimizer: "dry-run" });
  const { proposed } = await eventually(
    async () => {
      const { adjustments } = (await client().optimizer.report())!;
      expect(adjustments.proposed).toMatchObject({ tool: "ask", from: 1, to: 2 });
      return adjustments;
    },
    { timeoutMs: 40_000 },
  );
  expect(proposed?.foretold?.gain).toBeGreaterThan(1.3);
  expect(await client().optimizer.history()).toEqual([]);
  expect(await slots()).toBe(1);
  await expect(client().optimizer.apply({ target: "performance" })).rejects.toMatchObject({
    code: "optimizer_inactive",
  });
});

test(
  "a plan is followed: who asked for it and what it did stands in the audit",
  { timeout: 120_000 },
  async ({ tuned: { client, flood, history, slots, turnOff } }) => {
    await flood("{ concurrency: 2, maxConcurrency: 4 }", () => pause(CALL_MS).then(() => null));
    const { asked, left, plans, before } = await eventually(async () => {
      const followed = await client().optimizer.apply({ target: "performance", by: "ada" });
      // Before there are enough samples a plan asks for nothing.
      expect(followed.asked).toMatchObject([{ tool: "ask", from: 2 }]);
      return followed;
    });
    expect(asked).toHaveLength(plans[0]!.actions.length - left.length);
    expect(plans[0]!.after.ended).toBeGreaterThan(before.ended);
    const entry = await eventually(
      async () => {
        const [last] = (await history())
          .filter(({ adjustment }) => adjustment.asked?.by === "ada")
          .slice(-1);
        expect(last).toMatchObject({ adjustment: { asked: { target: "performance" } } });
        // It was kept, or the optimizer had come to the same by itself.
        expect(last!.event).toMatch(/judged|declined/);
        return last!;
      },
      { timeoutMs: 60_000 },
    );
    expect(await slots()).toBeGreaterThanOrEqual(entry.adjustment.from);
    expect((await client().optimizer.report())?.adjustments.wishes).toEqual([]);
    await turnOff();
    await expect(client().optimizer.apply({ target: "cost" })).rejects.toMatchObject({
      code: "optimizer_inactive",
    });
  },
);

test(
  "what runs aim at is planned for and followed: the audit says for which target",
  { timeout: 120_000 },
  async ({ tuned: { client, flood, history } }) => {
    const ask: ToolHandler = () => pause(CALL_MS).then(() => null);
    await flood("{ concurrency: 2, maxConcurrency: 8 }", ask, {}, "user_experience");
    const [first] = await eventually(
      async () => {
        const made = (await history()).filter(({ event }) => event === "made");
        expect(made.length).toBeGreaterThan(0);
        return made;
      },
      { timeoutMs: 60_000 },
    );
    expect(first!.adjustment).toMatchObject({
      tool: "ask",
      from: 2,
      to: 4,
      asked: { target: "user_experience", by: "its runs" },
    });
    const { aims } = (await client().optimizer.report())!;
    expect(aims.targets).toEqual({ ask: "user_experience" });
    expect(aims.planned).toMatchObject([{ tool: "ask", to: 4, target: "user_experience" }]);
  },
);

test(
  "a dry run says what a plan for what runs aim at would ask for",
  { timeout: 120_000 },
  async ({ tuned: { client, flood, slots } }) => {
    const ask: ToolHandler = () => pause(CALL_MS).then(() => null);
    const dry = { optimizer: "dry-run" } as const;
    await flood("{ concurrency: 2, maxConcurrency: 8 }", ask, dry, "performance");
    await eventually(
      async () => {
        const { aims, adjustments } = (await client().optimizer.report())!;
        expect(aims.planned).toMatchObject([{ tool: "ask", to: 4, target: "performance" }]);
        expect(adjustments).toEqual({ wishes: [] });
      },
      { timeoutMs: 60_000 },
    );
    expect(await slots()).toBe(2);
  },
);

test(
  "a plain deployment is rebalanced as far as machines carry what a call needs, and the audit says so",
  { timeout: 120_000 },
  async ({ tuned: { flood, history, slots } }) => {
    // Nobody has said how far: four calls of a quarter fit.
    await flood("{ concurrency: 2 }, resources: { cpu: 0.25 }", () =>
      pause(CALL_MS).then(() => null),
    );
    expect(await slots()).toBe(2);
    const entries = await eventually(
      async () => {
        const all = lasting(await history());
        expect(all.at(-1)).toMatchObject({ event: "judged", adjustment: { to: 4 } });
        return all;
      },
      { timeoutMs: 90_000 },
    );
    expect(await slots()).toBe(4);
    for (const entry of entries) expect(entry.adjustment.to).toBeLessThanOrEqual(4);
    const last = entries.at(-1)!;
    if (last.event !== "judged") throw new Error("it was not judged");
    expect(last).toMatchObject({ by: "optimizer", verdict: "kept" });
    expect(last.effect.gain).toBeGreaterThan(1);
  },
);

test("a limit of the catalogue is a limit", async ({ tuned: { client, flood, slots } }) => {
  await flood("{ concurrency: 1 }", () => pause(CALL_MS).then(() => null));
  await eventually(
    async () =>
      expect((await client().optimizer.report())?.bottlenecks).toMatchObject([
        { tool: "ask", kind: "under_provisioned" },
      ]),
    { timeoutMs: 40_000 },
  );
  expect(await slots()).toBe(1);
  expect(await client().optimizer.history()).toEqual([]);
  const { optimizer } = client();
  const { tools, recordedMs } = await optimizer.simulate({ tools: { ask: { concurrency: 3 } } });
  expect(recordedMs).toBeGreaterThan(500);
  // Three times as many begin at once, so three times as many end, as far as calls take equally long.
  const gain = tools["ask"]!.after.ended / tools["ask"]!.before.ended;
  expect(gain).toBeGreaterThan(2);
  expect(gain).toBeLessThan(4);
  expect(tools["ask"]!.ended.low).toBeGreaterThan(0);
  expect(await slots()).toBe(1);
  await expect(
    optimizer.simulate({ tools: { none: { concurrency: 3 } }, plays: 0 }),
  ).rejects.toMatchObject({ code: "request_invalid" });
});
