import { describe, expect } from "vitest";

import { laneOf } from "../../../../queues/names.ts";
import { workflow } from "../../../support/drawn/workflows.ts";
import { KEY, LOOKED_FOR_MS, WAIT, byStep, steps } from "../../../support/gate/by-key.ts";
import { test, type Limited } from "../../../support/gate/limited.ts";
import { eventually, promptly } from "../../../support/waiting/eventually.ts";
import { Lag } from "../../../support/waiting/lag.ts";
import { Turnstile } from "../../../support/waiting/turnstile.ts";

/** What runs at once of each key, and the most of it that ever did. */
class Use {
  readonly most = new Map<string, number>();
  readonly #now = new Map<string, number>();

  async during<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    for (const key of keys) this.#add(key, 1);
    try {
      return await work();
    } finally {
      for (const key of keys) this.#add(key, -1);
    }
  }

  #add(key: string, by: number): void {
    const now = (this.#now.get(key) ?? 0) + by;
    this.#now.set(key, now);
    this.most.set(key, Math.max(this.most.get(key) ?? 0, now));
  }
}

describe("limits of each tenant", () => {
  test("the flood of one holds up nobody else, and none is above its own, over two workers", async ({
    limited,
  }) => {
    const { tutti, work } = limited({
      tools: { ask: { limits: { concurrency: 5, perKey: { by: "tenant", concurrency: 2 } } } },
    });
    const use = new Use();
    const flood = new Turnstile();
    const ask = async (_: unknown, { tenant, stepId, signal }: Called) =>
      use.during([tenant, "all"], async () => {
        if (tenant === "flood") await flood.pass(stepId, signal);
        await new Promise((resolve) => setImmediate(resolve));
        return null;
      });
    await work({ ask }, { machine: "a" });
    await work({ ask }, { machine: "b" });
    const first = await tutti.submit(steps(20), { tenant: "flood", runId: "flood" });
    await flood.holds(2);
    const others = ["b", "c", "d"].map((tenant) => tutti.submit(steps(10), { tenant }));
    for (const { runId } of await Promise.all(others))
      expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    expect(flood.came).toHaveLength(2);
    flood.open();
    expect((await tutti.result(first.runId, WAIT)).state).toBe("completed");
    expect(use.most.get("flood")).toBe(2);
    for (const tenant of ["b", "c", "d"]) expect(use.most.get(tenant)).toBeLessThanOrEqual(2);
    expect(use.most.get("all")).toBeLessThanOrEqual(5);
  });

  test("a lane that is full refuses runs of its own tenant, and shows its limits", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({
      tools: {
        ask: {
          limits: {
            concurrency: 7,
            queueLength: 2,
            perKey: { by: "tenant", concurrency: 3, rate: { max: 9, durationMs: 60_000 } },
          },
        },
      },
    });
    await tutti.submit(steps(2), { tenant: "full" });
    await expect(tutti.submit(steps(1), { tenant: "full" })).rejects.toMatchObject({
      code: "queue_full",
      details: { tool: "ask", waiting: 2, limit: 2, retryAfterMs: Math.ceil(60_000 / 9) },
    });
    await tutti.submit(steps(1), { tenant: "other" });
    await work({ ask: () => null });
    const lane = queues.get(laneOf("ask", "full"));
    await eventually(async () => {
      expect(await lane.getGlobalConcurrency()).toBe(3);
      expect(await lane.getGlobalRateLimit()).toEqual({ max: 9, duration: 60_000 });
    });
    expect(await queues.get("ask").getGlobalConcurrency()).toBe(7);
  });
});

describe("limits of each key of steps", () => {
  const accounts = ["x", "y", "z"];

  /** Calls of six steps for each account, over two workers. */
  const rated = async (limited: Deploy, rate: { max: number; durationMs: number }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ rate }) } });
    const calls: { account: string; atMs: number }[] = [];
    const ask = ({ account }: { account?: unknown }) => {
      calls.push({ account: String(account), atMs: performance.now() });
      return null;
    };
    await work({ ask }, { machine: "a" });
    await work({ ask }, { machine: "b" });
    const document = steps(6, { ...KEY, with: { account: "${{ input.account }}" } });
    const runs = accounts.map((account) => tutti.submit(document, { input: { account } }));
    return { tutti, calls, runs: await Promise.all(runs) };
  };

  test("a rate holds for each account over two workers", async ({ limited, redis }) => {
    await using lag = new Lag(redis);
    const RATE = { max: 2, durationMs: 500 };
    const { tutti, calls, runs } = await rated(limited, RATE);
    for (const { runId } of runs) expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    // A call that was let through, and stood still before it was made, comes nearer to those behind it.
    const leastMs = RATE.durationMs - (await lag.ms());
    for (const account of accounts) {
      const own = calls.filter((call) => call.account === account).map(({ atMs }) => atMs);
      expect(own).toHaveLength(6);
      for (let n = RATE.max; n < own.length; n++)
        expect(own[n]! - own[n - RATE.max]!).toBeGreaterThan(leastMs);
    }
  });

  test("accounts do not wait for each other's rates", async ({ limited }) => {
    // Nobody has a second window here.
    const { tutti, calls, runs } = await rated(limited, { max: 2, durationMs: 600_000 });
    const called = () => calls.map(({ account }) => account).toSorted();
    await eventually(() => expect(called()).toEqual(["x", "x", "y", "y", "z", "z"]));
    for (const { runId } of runs) await tutti.cancel(runId);
    expect(called()).toHaveLength(6);
  });

  test("a key is read when the run is submitted, or the run is refused", async ({ limited }) => {
    const { tutti } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    await expect(tutti.submit(steps(1, KEY), { input: {} })).rejects.toMatchObject({
      issues: [
        {
          code: "input_invalid",
          path: ["steps", "s0", "key"],
          message: expect.stringContaining("No such key: account") as string,
        },
      ],
    });
    for (const [account, got] of [
      [null, "got: null"],
      [["a"], 'got: ["a"]'],
      ["x".repeat(1_001), "at most 1000 characters, got: 1001"],
    ] as const)
      await expect(tutti.submit(steps(1, KEY), { input: { account } })).rejects.toThrow(got);
    expect(await tutti.list()).toEqual([]);
  });

  test("items of a forEach stand in the lane of their step", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    const use = new Use();
    await work({
      ask: async ({ n }) => use.during(["all"], async () => Promise.resolve(n ?? null)),
    });
    const { runId } = await tutti.submit(
      workflow([
        {
          id: "each",
          tool: "ask",
          forEach: "[1, 2, 3, 4, 5]",
          maxParallel: 3,
          ...KEY,
          with: { n: "${{ item }}" },
        },
      ]),
      { input: { account: 7 } },
    );
    const run = await tutti.result(runId, WAIT);
    expect(run.steps["each"]?.output).toEqual([1, 2, 3, 4, 5]);
    expect(use.most.get("all")).toBe(1);
    // A number and its text are one key.
    expect(await queues.get(laneOf("ask", "7")).getCompletedCount()).toBe(5);
    expect(await queues.get("ask").getJobCountByTypes()).toBe(0);
  });

  test("items flow from stage to stage of a pipeline, each in the lane of its step", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({
      tools: { ask: byStep({ concurrency: 1 }), tell: byStep({ concurrency: 1 }) },
    });
    await work({ ask: ({ n }) => n ?? null, tell: ({ n }) => Number(n) * 10 });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "one", tool: "ask", forEach: "[1, 2, 3]", ...KEY, with: { n: "${{ item }}" } },
          {
            id: "two",
            tool: "tell",
            forEach: "${{ steps.one.output }}",
            key: "${{ input.account }}-${{ run.workflow }}",
            with: { n: "${{ item }}" },
          },
        ],
        { mode: "pipeline" },
      ),
      { input: { account: "a" } },
    );
    const run = await tutti.result(runId, WAIT);
    expect(run.steps["two"]?.output).toEqual([10, 20, 30]);
    expect(await queues.get(laneOf("ask", "a")).getCompletedCount()).toBe(3);
    await eventually(async () =>
      expect(await queues.get(laneOf("tell", "a-wf")).getCompletedCount()).toBe(3),
    );
  });

  test("a worker that starts later serves the lanes that are there", async ({ limited }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    const { runId } = await tutti.submit(steps(3, KEY), { input: { account: "a" } });
    await work({ ask: () => null });
    // Sooner than lanes are looked for again.
    await promptly(
      async () => expect((await tutti.get(runId)).state).toBe("completed"),
      LOOKED_FOR_MS,
    );
  });
});

type Deploy = (declared: { tools: Readonly<Record<string, object>> }) => Limited;
type Called = { readonly tenant: string; readonly stepId: string; readonly signal: AbortSignal };
