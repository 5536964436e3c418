import type { Redis } from "ioredis";
import { expect } from "vitest";

import type { GateSetting } from "../../../src/gate/limits/door.ts";
import { startWorker } from "../../../src/worker.ts";
import { gatehouseTools, test } from "../../support/gate/gatehouse.ts";
import { eventually, promptly } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const held =
  (turnstile: Turnstile) => async (_input: unknown, context: { signal: AbortSignal }) => {
    await turnstile.pass("call", context.signal);
    return null;
  };

/** Longest time until a change is noticed. Milliseconds. */
const SOON_MS = 1_000;

/** Waits until so many calls have come; a Redis that stands still is not waited for. */
const soon = (turnstile: Turnstile, count: number, redis: Redis) =>
  promptly(async () => {
    await redis.ping();
    expect(turnstile.came).toHaveLength(count);
  }, SOON_MS);

test("a raise acts on calls that wait, without a worker that has to be woken", async ({
  gatehouse,
  redis,
}) => {
  const { tutti, work, submit } = gatehouse;
  const calls = new Turnstile();
  await work({ solo: held(calls) });
  for (const runId of ["r1", "r2", "r3"]) await submit(runId, "solo");
  await calls.holds(1);
  await eventually(async () =>
    expect((await tutti.gate.show()).claims).toEqual([
      expect.objectContaining({ tool: "solo", machine: "m1", reason: "slots:tool:solo" }),
    ]),
  );
  const set = await tutti.gate.set({ tool: "solo", concurrency: 2 });
  expect(set).toMatchObject({ concurrency: 2, layers: ["declared", "set"] });
  await soon(calls, 2, redis);
  expect((await tutti.why({ tool: "solo" })).reasons).toMatchObject([
    { kind: "slots", capacity: 2, free: 0 },
  ]);
  const back = await tutti.gate.reset({ tool: "solo" });
  expect(back).toMatchObject({ concurrency: 1, layers: ["declared"] });
  calls.open();
  for (const runId of ["r1", "r2", "r3"]) await tutti.result(runId);
});

test("a raise acts on a call that nobody was woken for, because the queue was full", async ({
  gatehouse,
  redis,
}) => {
  const { tutti, work, submit } = gatehouse;
  const calls = new Turnstile();
  await work({ solo: held(calls) });
  await submit("r1", "solo");
  await calls.holds(1);
  await submit("r2", "solo");
  await tutti.gate.set({ tool: "solo", concurrency: 2 });
  await soon(calls, 2, redis);
  calls.open();
});

test("so does the end of the process that filled it", async ({ gatehouse }) => {
  const { work, submit } = gatehouse;
  const calls = new Turnstile();
  const first = await work({ solo: held(calls) });
  await submit("r1", "solo");
  await calls.holds(1);
  const later = new Turnstile();
  await work({ solo: held(later) }, { machine: "m2" });
  await submit("r2", "solo");
  await first.close();
  await eventually(() => expect(later.came.length).toBeGreaterThan(0));
  later.open();
});

test("a budget and a resource are raised the same way", async ({ gatehouse, redis }) => {
  const { tutti, work, submit } = gatehouse;
  const calls = new Turnstile();
  await work({ render: held(calls), heavy: held(calls) });
  for (const runId of ["r1", "r2"]) await submit(runId, "render");
  await calls.holds(1);
  expect(await tutti.gate.set({ budget: "gpu", slots: 4 })).toMatchObject({
    budget: "gpu",
    slots: { capacity: 4 },
  });
  await soon(calls, 2, redis);
  for (const runId of ["r3", "r4"]) await submit(runId, "heavy");
  await calls.holds(3);
  await tutti.gate.set({ tool: "heavy", resources: { cpu: 0.3 } });
  await soon(calls, 4, redis);
  const { machines, permits } = await tutti.gate.show();
  expect(machines).toEqual([
    {
      machine: "m1",
      calls: 4,
      drainedFor: null,
      resources: { cpu: { capacity: 1, used: 0.9, background: 0 } },
    },
  ]);
  expect(permits.map(({ tool, runId, slots }) => [tool, runId, slots])).toEqual([
    ["render", "r1", { gpu: 2 }],
    ["render", "r2", { gpu: 2 }],
    ["heavy", "r3", {}],
    ["heavy", "r4", {}],
  ]);
  calls.open();
});

test("a tool without limits gets some, with a cost, and Bull Board shows them", async ({
  gatehouse,
  redisUrl,
  prefix,
}) => {
  const { tutti, work, submit } = gatehouse;
  const calls = new Turnstile();
  const worker = await work({ plain: held(calls) });
  const rates = [
    { max: 10, durationMs: 60_000 },
    { max: 4, durationMs: 100 },
  ];
  await tutti.gate.set({ tool: "plain", concurrency: 3, rates, cost: 4 });
  const view = await tutti.gate.set({ tool: "plain", importance: "critical" });
  expect(view).toMatchObject({ concurrency: 3, rates, cost: 4, importance: "critical" });
  for (const runId of ["r1", "r2", "r3"]) await submit(runId, "plain");
  await calls.holds(2);
  await eventually(async () =>
    expect((await tutti.why({ tool: "plain" })).reasons).toMatchObject([
      { kind: "rate", budget: "tool:plain", capacity: 10 },
    ]),
  );
  const queue = tutti.queues.find(({ name }) => name === "plain")!;
  expect(await queue.getGlobalConcurrency()).toBe(3);
  expect(await queue.getGlobalRateLimit()).toMatchObject({ max: 10, duration: 60_000 });
  calls.open();
  // Workers that start later show what was set, not what was declared.
  await worker.close();
  const tools = ["plain"];
  const options = {
    redisUrl,
    prefix,
    registry: gatehouseTools,
    tools,
    handlers: { plain: held(calls) },
  };
  const later = await startWorker({ ...options, machine: "m2" });
  expect(await queue.getGlobalConcurrency()).toBe(3);
  await later.close();
  await tutti.gate.reset({ tool: "plain" });
  expect(await queue.getGlobalConcurrency()).toBeNull();
  expect(await queue.getGlobalRateLimit()).toBeNull();
});

test("what cannot be is refused with every problem", async ({ gatehouse }) => {
  const { tutti, work } = gatehouse;
  await expect(tutti.gate.set({ tool: "sol", concurrency: 1 })).rejects.toMatchObject({
    code: "tool_not_found",
    details: { suggestion: "solo" },
  });
  await expect(tutti.gate.set({ budget: "gpus", slots: 1 })).rejects.toMatchObject({
    code: "budget_not_found",
    details: { suggestion: "gpu" },
  });
  await expect(tutti.gate.reset({ budget: "none" })).rejects.toMatchObject({
    code: "budget_not_found",
  });
  const paths = async (work_: Promise<unknown>): Promise<string[]> => {
    const thrown: unknown = await work_.catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "request_invalid" });
    const { issues } = thrown as { issues: { path: (string | number)[] }[] };
    return issues.map(({ path }) => path.join("."));
  };
  const ask = (setting: GateSetting): Promise<unknown> => tutti.gate.set(setting);
  expect(
    await paths(ask({ tool: "solo", concurrency: 0, cost: 0.5, resources: { cpu: 2 } })),
  ).toEqual(["concurrency", "cost", "resources.cpu"]);
  expect(await paths(ask({ tool: "sol", concurrency: 0 }))).toEqual(["tool", "concurrency"]);
  expect(await paths(ask({ tool: "solo" }))).toEqual([""]);
  expect(await paths(ask({ tool: "solo", cost: 2 }))).toEqual(["cost"]);
  expect(await paths(ask({ tool: "rated", cost: 3 }))).toEqual(["cost"]);
  // What is known of calls is checked too: these two would wait for ever.
  await work({ render: async () => null });
  expect(await paths(ask({ budget: "gpu", slots: 1 }))).toEqual(["slots", "slots"]);
});

test("limits can be set before any worker has told the gate of the tool", async ({ gatehouse }) => {
  const { tutti, work, submit } = gatehouse;
  expect(await tutti.gate.set({ tool: "heavy", importance: "optional" })).toMatchObject({
    resources: { cpu: 0.6 },
    importance: "optional",
  });
  expect(await tutti.gate.reset({ budget: "api" })).toMatchObject({
    slots: { capacity: 5 },
    windows: [{ max: 2, durationMs: 600, used: 0, free: 2 }],
  });
  await work({ heavy: async () => null });
  await submit("r1", "heavy");
  expect((await tutti.result("r1")).state).toBe("completed");
  const { tools } = await tutti.gate.show();
  expect(tools.find(({ tool }) => tool === "heavy")).toMatchObject({
    importance: "optional",
    layers: ["declared", "set"],
    outcomes: { ok: 1 },
  });
});
