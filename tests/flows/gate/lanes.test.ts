import type { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { dropLanes, sweep } from "../../../processors/index.ts";
import { forgetRun, laneOf } from "../../../queues/index.ts";
import { eventually } from "../../support/eventually.ts";
import { FakeApi } from "../../support/fake-api.ts";
import { apiTool, GateFleet } from "../../support/gate-fleet.ts";
import { test } from "../../support/limited.ts";
import { Turnstile } from "../../support/turnstile.ts";
import { workflow } from "../../support/workflows.ts";

const WAIT = { timeoutMs: 30_000 };
const once = { retry: { maxAttempts: 1 } } as const;
const KEY = { key: "${{ input.account }}" };
const steps = (count: number, more: object = {}) =>
  workflow(Array.from({ length: count }, (_, n) => ({ id: `s${n}`, tool: "ask", ...more })));
const byStep = (limits: object) => ({ limits: { perKey: { by: "step", ...limits } } });

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

/** Everything in Redis that tells of a lane: keys, and fields and members of keys. */
async function traces(redis: Redis, prefix: string): Promise<string[]> {
  const found: string[] = [];
  for (const key of await redis.keys(`${prefix}*`)) {
    if (key.includes("@")) found.push(key);
    const type = await redis.type(key);
    const members =
      type === "hash"
        ? await redis.hkeys(key)
        : type === "zset"
          ? await redis.zrange(key, "0", "-1")
          : type === "set"
            ? await redis.smembers(key)
            : [];
    found.push(...members.filter((one) => one.includes("@")).map((one) => `${key} ${one}`));
  }
  return found;
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
  test("a rate holds for each account over two workers, and accounts do not wait for each other", async ({
    limited,
  }) => {
    const RATE = { max: 2, durationMs: 500 };
    const { tutti, work } = limited({ tools: { ask: byStep({ rate: RATE }) } });
    const calls: { account: string; atMs: number }[] = [];
    const ask = ({ account }: { account?: unknown }) => {
      calls.push({ account: String(account), atMs: performance.now() });
      return null;
    };
    await work({ ask }, { machine: "a" });
    await work({ ask }, { machine: "b" });
    const document = steps(6, { ...KEY, with: { account: "${{ input.account }}" } });
    const accounts = ["x", "y", "z"];
    const runs = accounts.map((account) => tutti.submit(document, { input: { account } }));
    for (const { runId } of await Promise.all(runs))
      expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    for (const account of accounts) {
      const own = calls.filter((call) => call.account === account).map(({ atMs }) => atMs);
      expect(own).toHaveLength(6);
      for (let n = RATE.max; n < own.length; n++)
        expect(own[n]! - own[n - RATE.max]!).toBeGreaterThan(RATE.durationMs);
    }
    // Each has had its first window before any has its second.
    const firsts = calls.slice(0, 6).map(({ account }) => account);
    expect(firsts.toSorted()).toEqual(["x", "x", "y", "y", "z", "z"]);
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
    expect((await tutti.result(runId, { timeoutMs: 4_000 })).state).toBe("completed");
  });
});

describe("a run with lanes", () => {
  test("is cancelled: what waits in a lane never begins", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    const turnstile = new Turnstile();
    await work({
      ask: async (_, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
    });
    const { runId } = await tutti.submit(steps(4, KEY), { input: { account: "a" } });
    await turnstile.holds(1);
    await tutti.cancel(runId);
    expect((await tutti.result(runId, WAIT)).state).toBe("cancelled");
    expect(turnstile.came).toHaveLength(1);
    const lane = queues.get(laneOf("ask", "a"));
    await eventually(async () => {
      const counts = await lane.getJobCounts("wait", "prioritized", "active", "delayed");
      expect(Object.values(counts)).toEqual([0, 0, 0, 0]);
    });
  });

  test("is paused and goes on", async ({ limited }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    const turnstile = new Turnstile();
    await work({
      ask: async (_, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
    });
    const { runId } = await tutti.submit(steps(3, KEY), { input: { account: "a" } });
    await turnstile.holds(1);
    await tutti.pause(runId);
    turnstile.open();
    await eventually(async () => {
      const states = Object.values((await tutti.get(runId)).steps).map(({ state }) => state);
      expect(states.toSorted()).toEqual(["completed", "pending", "pending"]);
    });
    await tutti.setPriority(runId, 9);
    await tutti.resume(runId);
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  });

  test("is resumed with another input: what runs again has its key, and nothing is left of either lane", async ({
    limited,
    orchestra: { parts, queues },
    redis,
    prefix,
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    await work({
      ask: ({ account }) => {
        if (account === "old") throw new Error("no");
        return null;
      },
    });
    const { runId } = await tutti.submit(
      workflow([
        { id: "kept", tool: "ask", ...KEY },
        {
          id: "again",
          tool: "ask",
          needs: ["kept"],
          ...KEY,
          ...once,
          with: { account: "${{ input.account }}" },
        },
      ]),
      { input: { account: "old" } },
    );
    expect((await tutti.result(runId, WAIT)).state).toBe("partial");
    await expect(tutti.resume(runId, { input: {} })).rejects.toThrow("key of step kept");
    await tutti.resume(runId, { input: { account: "new" } });
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    const count = (key: string) => queues.get(laneOf("ask", key)).getJobCountByTypes();
    expect([await count("old"), await count("new")]).toEqual([2, 1]);
    await eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));
    expect([await count("old"), await count("new")]).toEqual([0, 0]);
    await dropLanes(parts, queues, 0);
    await eventually(async () => expect(await traces(redis, prefix)).toEqual([]));
  });

  test("is undone in the lanes of the tools that undo it", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({
      tools: {
        ask: byStep({ concurrency: 1 }),
        other: byStep({ concurrency: 1 }),
        own: { limits: { perKey: { by: "tenant", concurrency: 1 } } },
        fail: {},
      },
    });
    await work({
      ask: () => null,
      other: () => null,
      own: () => null,
      fail: () => Promise.reject(new Error("no")),
    });
    const call = { tool: "ask", ...KEY };
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "a", ...call, compensate: { tool: "ask" } },
          { id: "b", ...call, compensate: { tool: "other" } },
          { id: "c", ...call, compensate: { tool: "own" } },
          { id: "bad", tool: "fail", needs: ["a", "b", "c"], ...once },
        ],
        { onError: "recovery" },
      ),
      { input: { account: "a" }, tenant: "t" },
    );
    const run = await tutti.result(runId, WAIT);
    expect(run.compensation?.map(({ state }) => state)).toEqual(Array(3).fill("completed"));
    const count = (tool: string, key: string) =>
      queues.get(laneOf(tool, key)).getJobCountByTypes("completed");
    await eventually(async () =>
      expect([await count("ask", "a"), await count("other", ""), await count("own", "t")]).toEqual([
        4, 1, 1,
      ]),
    );
  });
});

test(
  "a lane keeps its limit while workers are killed, and all of its calls end",
  {
    timeout: 90_000,
  },
  async ({ redisUrl, redis, prefix }) => {
    const SERVICE_MS = 30;
    await using api = await FakeApi.open({ serviceMs: SERVICE_MS });
    const catalogue = [
      "tutti: 1",
      "tools:",
      apiTool("ask", "limits: { perKey: { by: step, concurrency: 1 } }"),
    ].join("\n");
    await using fleet = await GateFleet.start(3, { redisUrl, redis, prefix }, catalogue, api);
    const accountOf = new Map<string, string>();
    for (const account of ["a", "b", "c"]) {
      fleet.prepare(account, "ask", 1, { key: account });
      for (const runId of await fleet.submit(account, 25)) accountOf.set(runId, account);
    }
    for (const count of [10, 30, 50]) {
      await eventually(() => expect(api.calls.length).toBeGreaterThan(count), {
        timeoutMs: 30_000,
      });
      fleet.kill();
    }
    await eventually(async () => expect(await fleet.open()).toBe(0), { timeoutMs: 60_000 });
    const states = (await fleet.views()).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(["completed"]));
    for (const account of ["a", "b", "c"]) {
      const times = api.calls
        .filter(({ path }) => accountOf.get(path.split("/")[2]!) === account)
        .map(({ atMs }) => atMs);
      expect(times.length).toBeGreaterThanOrEqual(25);
      for (let n = 1; n < times.length; n++)
        expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(SERVICE_MS - 1);
    }
  },
);

test("a lane that was forgotten although it holds jobs is found by the sweeper", async ({
  limited,
  orchestra: { parts, queues },
  redis,
  prefix,
}) => {
  const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
  const { runId } = await tutti.submit(steps(2, KEY), { input: { account: "a" } });
  await redis.del(`${prefix}.lanes`);
  await work({ ask: () => null });
  // The run has to be at work: nothing of one that is queued is looked for.
  await redis.hset(`${prefix}.run:${runId}`, "state", "running");
  await sweep(parts, 0);
  expect(await queues.lanes.all()).toEqual([laneOf("ask", "a")]);
  expect((await tutti.result(runId, { timeoutMs: 4_000 })).state).toBe("completed");
});

describe("a lane that nobody uses", () => {
  test("is dropped with its workers, and leaves nothing when its runs are forgotten", async ({
    limited,
    orchestra: { parts, queues },
    redis,
    prefix,
  }) => {
    const { tutti, work } = limited({
      tools: { ask: byStep({ concurrency: 1, rate: { max: 5, durationMs: 100 } }) },
    });
    await work({ ask: () => null }, { machine: "a" });
    await work({ ask: () => null }, { machine: "b" });
    const runs: string[] = [];
    for (let n = 0; n < 20; n++) {
      const input = { account: `account ${n}` };
      runs.push((await tutti.submit(steps(2, KEY), { input })).runId);
    }
    for (const runId of runs) expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    const lane = laneOf("ask", "account 0");
    expect(await queues.lanes.all()).toHaveLength(20);
    expect(await queues.get(lane).getWorkersCount()).toBe(2);
    // The root job of the last run may end after the run does, and those of the steps before it.
    await eventually(async () => {
      await dropLanes(parts, queues, 0);
      expect(await queues.lanes.all()).toEqual([]);
    });
    await eventually(async () => expect(await queues.get(lane).getWorkersCount()).toBe(0));
    for (const runId of runs)
      await eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));
    await eventually(async () => {
      await dropLanes(parts, queues, 0);
      expect(await traces(redis, prefix)).toEqual([]);
    });
  });

  test("is not dropped while it holds a job, and comes back with the next", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }), first: {} } });
    const document = workflow([
      { id: "first", tool: "first" },
      { id: "s0", tool: "ask", needs: ["first"], ...KEY },
    ]);
    const waits = await tutti.submit(document, { input: { account: "a" } });
    expect(await queues.lanes.dropIdle(0)).toEqual([]);
    await work({ ask: () => null, first: () => null });
    expect((await tutti.result(waits.runId, WAIT)).state).toBe("completed");
    const lane = laneOf("ask", "a");
    await eventually(async () => expect(await queues.lanes.dropIdle(0)).toEqual([lane]));
    await eventually(async () => expect(await queues.get(lane).getWorkersCount()).toBe(0));
    const next = await tutti.submit(document, { input: { account: "a" } });
    expect((await tutti.result(next.runId, { timeoutMs: 4_000 })).state).toBe("completed");
    expect(await queues.lanes.dropIdle(60_000)).toEqual([]);
  });

  test(
    "loses no job that comes while it is dropped",
    { timeout: 60_000 },
    async ({ limited, orchestra: { queues } }) => {
      const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 2 }) } });
      await work({ ask: () => null }, { machine: "a" });
      await work({ ask: () => null }, { machine: "b" });
      let dropped = 0;
      const lines = { open: 4 };
      const dropping = (async () => {
        while (lines.open > 0) dropped += (await queues.lanes.dropIdle(0)).length;
      })();
      const submitting = Array.from({ length: lines.open }, async (_, line) => {
        for (let n = 0; n < 25; n++) {
          const input = { account: `${(line + n) % 3}` };
          const { runId } = await tutti.submit(
            workflow([{ id: "each", tool: "ask", forEach: "[1, 2, 3]", maxParallel: 1, ...KEY }]),
            { input },
          );
          // Sooner than anybody would look again for what was missed.
          expect((await tutti.result(runId, { timeoutMs: 4_500 })).state).toBe("completed");
        }
      });
      await Promise.all(submitting).finally(() => (lines.open = 0));
      await dropping;
      expect(dropped).toBeGreaterThan(20);
    },
  );
});

type Called = { readonly tenant: string; readonly stepId: string; readonly signal: AbortSignal };
