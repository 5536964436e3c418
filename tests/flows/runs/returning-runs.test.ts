import type { Redis } from "ioredis";
import { expect } from "vitest";

import {
  givePlaces,
  sweep,
  type RepairParts,
  type ToolHandler,
} from "../../../processors/index.ts";
import { Keys, Presence } from "../../../queues/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { randomFrom } from "../../support/drawn/random.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 60_000 };

/** Counts, with every call, the runs that are at work, by what they do and by their places. */
class AtWork {
  readonly #redis: Redis;
  readonly #key: string;
  readonly #calls = new Map<string, number>();
  most = 0;
  mostPlaces = 0;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#key = new Keys(prefix).admitted("default");
  }

  /** `rootOf`: the run that a call is for in the end. */
  watched(handler: ToolHandler, rootOf: (runId: string) => string = (runId) => runId): ToolHandler {
    return async (input, context) => {
      const root = rootOf(context.runId);
      this.#calls.set(root, (this.#calls.get(root) ?? 0) + 1);
      this.most = Math.max(this.most, this.#calls.size);
      this.mostPlaces = Math.max(this.mostPlaces, await this.#redis.scard(this.#key));
      try {
        return await handler(input, context);
      } finally {
        const left = this.#calls.get(root)! - 1;
        if (left > 0) this.#calls.set(root, left);
        else this.#calls.delete(root);
      }
    };
  }

  places(): Promise<number> {
    return this.#redis.scard(this.#key);
  }
}

/** Has stuck runs give their places until this holds. */
async function giveUntil(parts: RepairParts, presence: Presence, holds: () => Promise<void>) {
  await eventually(async () => {
    await givePlaces(parts, presence);
    await holds();
  }, WAIT);
}

test("of many runs that come back at once no more than the cap are at work, and all end", async ({
  orchestra: { tutti, work, parts, prefix },
  redis,
}) => {
  const atWork = new AtWork(redis, prefix);
  const presence = new Presence(redis, new Keys(prefix));
  await work({ probe: () => null }, { tools: ["probe"] });
  const plan = tutti.prepare(
    workflow([
      { id: "a", tool: "effect" },
      { id: "b", tool: "effect", needs: ["a"] },
      { id: "each", tool: "effect", forEach: "${{ [1, 2] }}" },
    ]),
  );
  const ids = Array.from({ length: 35 }, (_, n) => `stuck-${n}`);
  for (const runId of ids) await tutti.submit(plan, { runId });
  await tutti.submit(workflow([{ id: "a" }]), { runId: "healthy" });
  await giveUntil(parts, presence, async () =>
    expect((await tutti.get("healthy")).state).toBe("completed"),
  );

  const turnstile = new Turnstile();
  await work(
    {
      effect: atWork.watched((_input, { runId, signal }) =>
        turnstile.pass(runId, signal).then(() => null),
      ),
    },
    { tools: ["effect"] },
  );
  // Ten take their places, three calls each; the others stand in line and say so.
  await turnstile.holds(30);
  const rest = await eventually(async () => {
    const runs = ids.filter((runId) => !turnstile.came.includes(runId));
    const whys = await Promise.all(runs.map((runId) => tutti.why({ runId })));
    expect(whys.some(({ reasons }) => reasons.some(({ kind }) => kind === "admission"))).toBe(true);
    return runs;
  });
  expect(rest).toHaveLength(25);
  expect(await atWork.places()).toBe(10);
  // One that stands in line can be stopped, held and let go.
  expect((await tutti.cancel(rest[0]!)).state).toMatch(/cancel/);
  expect((await tutti.result(rest[0]!, WAIT)).state).toBe("cancelled");
  await tutti.pause(rest[1]!);
  turnstile.open();
  for (const runId of ids.filter((one) => one !== rest[0] && one !== rest[1]))
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  expect(atWork.most).toBe(10);
  expect(atWork.mostPlaces).toBe(10);
  await tutti.resume(rest[1]!);
  expect((await tutti.result(rest[1]!, WAIT)).state).toBe("completed");
  expect(await atWork.places()).toBe(0);
  expect(await redis.zcard(new Keys(prefix).waiting("default"))).toBe(0);
});

test.for([
  { raised: null, order: ["first", "urgent", "back", "new"] },
  { raised: 9, order: ["first", "back", "urgent", "new"] },
])(
  "who comes back goes before runs of its class that have not begun ($raised)",
  async (
    { raised, order },
    {
      orchestra: {
        work,
        parts,
        prefix,
        redisUrl,
        tutti: { registry },
      },
      redis,
    },
  ) => {
    await using tutti = new Tutti({ redisUrl, prefix, registry, maxRunning: 1 });
    const two = { ...parts, maxRunning: 1 };
    const presence = new Presence(redis, new Keys(prefix));
    const came: string[] = [];
    const turnstile = new Turnstile();
    const handler: ToolHandler = async (_input, { runId, signal }) => {
      came.push(runId);
      await turnstile.pass(runId, signal);
      return null;
    };
    const sometimes = { sweepIntervalMs: 3_600_000, maxRunning: 1 };
    await work({ probe: handler }, { tools: ["probe"], ...sometimes });
    await tutti.submit(workflow([{ id: "a", tool: "effect" }]), { runId: "back" });
    await tutti.submit(workflow([{ id: "a" }]), { runId: "first" });
    await giveUntil(two, presence, () => turnstile.holds(1));
    // While that one is at work, others come, and then the tool of the one that gave its place.
    await tutti.submit(workflow([{ id: "a" }]), { runId: "new" });
    await tutti.submit(workflow([{ id: "a" }]), { runId: "urgent", priority: 9 });
    await work({ effect: handler }, { tools: ["effect"], ...sometimes });
    await eventually(async () =>
      expect((await tutti.why({ runId: "back" })).reasons).toMatchObject([
        { kind: "admission", atWork: 1 },
      ]),
    );
    if (raised !== null) await tutti.setPriority("back", raised);
    turnstile.open();
    for (const runId of ["first", "new", "urgent", "back"])
      expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    expect(came).toEqual(order);
  },
);

test("one whose place nobody told it of is called by who looks for runs without jobs, and by the sweeper", async ({
  orchestra: { tutti, work, parts, prefix },
  redis,
}) => {
  const keys = new Keys(prefix);
  const presence = new Presence(redis, keys);
  const turnstile = new Turnstile();
  const held: ToolHandler = (_input, { runId, signal }) =>
    turnstile.pass(runId, signal).then(() => null);
  await work({ probe: held }, { tools: ["probe"] });
  for (let n = 0; n < 10; n++)
    await tutti.submit(workflow([{ id: "a", tool: "effect" }]), { runId: `s${n}` });
  for (let n = 0; n < 10; n++) await tutti.submit(workflow([{ id: "a" }]), { runId: `p${n}` });
  await giveUntil(parts, presence, () => turnstile.holds(10));
  await work({ effect: () => null }, { tools: ["effect"] });
  await eventually(async () => expect(await redis.zcard(keys.waiting("default"))).toBe(10));
  // Somebody admits it and dies before it says so to anybody.
  await redis.srem(keys.admitted("default"), "p0");
  expect(await parts.runs.tending.admit(["default"], 10)).toHaveLength(1);
  // And somebody loses another one's note.
  await sweep(parts, 0);
  turnstile.open();
  for (let n = 0; n < 10; n++)
    for (const runId of [`s${n}`, `p${n}`])
      expect((await tutti.result(runId, WAIT)).state).toBe("completed");
});

test.for([1, 2, 3, 4, 5, 6])(
  "whatever order tools come back in, all runs end and the cap holds (%i)",
  async (
    seed,
    {
      orchestra: {
        work,
        parts,
        prefix,
        redisUrl,
        tutti: { registry },
      },
      redis,
    },
  ) => {
    const CAP = 2;
    const random = randomFrom(seed);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    await using tutti = new Tutti({ redisUrl, prefix, registry, maxRunning: CAP });
    const presence = new Presence(redis, new Keys(prefix));
    const capped = { ...parts, maxRunning: CAP };
    const TOOLS = ["probe", "effect", "one", "two"] as const;
    await tutti.workflows.add({
      ...workflow([
        { id: "in", tool: pick(TOOLS) },
        { id: "then", tool: pick(TOOLS), needs: ["in"] },
      ]),
      id: "inner",
    });
    const step = (id: string, needs: readonly string[]) => {
      const shape = random();
      const more = needs.length === 0 ? {} : { needs };
      if (shape < 0.2) return { id, workflow: "inner", ...more };
      if (shape < 0.4) return { id, tool: pick(TOOLS), forEach: "${{ [1, 2] }}", ...more };
      return { id, tool: pick(TOOLS), ...more };
    };
    const ids = Array.from({ length: 12 }, (_, n) => `r${n}`);
    for (const runId of ids) {
      const steps = [step("a", []), step("b", random() < 0.5 ? [] : ["a"]), step("c", ["a", "b"])];
      await tutti.submit(workflow(steps), { runId, priority: pick([3, 5, 5, 8]) });
    }
    const atWork = new AtWork(redis, prefix);
    const handler = atWork.watched(
      () => null,
      (runId) => (runId.startsWith("sub-") ? "a sub-run" : runId),
    );
    const late = TOOLS.toSorted(() => random() - 0.5);
    for (const tool of late) {
      await work({ [tool]: handler }, { tools: [tool], maxRunning: CAP });
      // What can, gives its place, a few times.
      for (let n = 0; n < 3; n++) await givePlaces(capped, presence);
      expect(await atWork.places()).toBeLessThanOrEqual(CAP);
    }
    for (const runId of ids) expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    expect(atWork.mostPlaces).toBeLessThanOrEqual(CAP);
    // A run beside one that works for it.
    expect(atWork.most).toBeLessThanOrEqual(CAP + 1);
    expect(await atWork.places()).toBe(0);
  },
);
