import { Queue } from "bullmq";
import { expect } from "vitest";

import { Learner } from "../../../processors/index.ts";
import { CONTROL_QUEUES, Gate, Keys, MACHINE_UNITS } from "../../../queues/index.ts";
import { type UsageWord } from "../../../queues/worker.ts";
import type { UsageReading } from "../../../src/worker.ts";
import { randomFrom } from "../../support/drawn/random.ts";
import { takes } from "../../support/gate/gated.ts";
import { test } from "../../support/gate/gatehouse.ts";
import { KneeWorld } from "../../support/learning/knee-world.ts";
import { LearningWorld } from "../../support/learning/learning-world.ts";
import { SEED } from "../../support/runner/seed.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

test("what calls need is learned within ten minutes, and how long they take", async ({
  redis,
  prefix,
}) => {
  const world = new LearningWorld(redis, prefix, randomFrom(SEED));
  await world.start();
  const before = await world.error();
  await world.pass(600_000);
  const after = await world.error();
  expect(before).toBeGreaterThan(0.15);
  expect(after, `${before} -> ${after}`).toBeLessThanOrEqual(0.1);
  for (const ms of await world.serviceMs()) expect(Math.abs(ms - 1_000)).toBeLessThan(200);
});

test("a neighbor on a machine is seen, and forgotten when it is gone", async ({
  redis,
  prefix,
}) => {
  const world = new LearningWorld(redis, prefix, randomFrom(SEED));
  await world.start();
  await world.pass(60_000);
  world.neighbor = 0.55;
  await world.pass(60_000);
  expect(await world.background()).toBeGreaterThan(0.35);
  world.neighbor = 0;
  await world.pass(60_000);
  expect(await world.background()).toBeLessThan(0.2);
});

test("a deployment that stops to learn goes by its catalogue again", async ({
  gatehouse: { gate, keys, submit, tutti, work },
  redis,
}) => {
  const queue = new Queue(CONTROL_QUEUES.duty, { connection: redis, prefix: keys.prefix });
  const learners = async (): Promise<number> =>
    (await queue.getJobSchedulers()).filter(({ key }) => key === "learner").length;
  const learning = await work({ heavy: () => null }, { learning: true });
  expect(await learners()).toBe(1);
  await gate.observe();
  await gate.configure({
    tools: { heavy: { learned: { needs: { cpu: 900_000 }, serviceMs: 5 } } },
    machines: { m1: { background: { cpu: 400_000 } } },
  });
  await learning.close();
  await work({ heavy: () => null }, { learning: false });
  const { tools, machines, toolLayers } = await gate.show();
  expect(tools.get("heavy")?.limits).toMatchObject({ needs: { cpu: 600_000 } });
  expect([...toolLayers.values()].filter(({ learned }) => learned !== undefined)).toEqual([]);
  expect(machines.get("m1")?.background).toEqual({});
  expect(await learners()).toBe(0);
  await submit("after", "heavy");
  expect((await tutti.result("after", { timeoutMs: 20_000 })).state).toBe("completed");
  expect(await redis.exists(`${keys.gate}.samples`)).toBe(0);
  await queue.close();
});

test("a machine is used as the worker's probe says, and what ran in that very time is said with it", async ({
  gatehouse: { keys, work, submit, tutti },
  redis,
}) => {
  const turnstile = new Turnstile();
  const usage = { cpu: 0.42, memory: null, network: 0.1, storage: null };
  const pressure = { cpu: 0.03, memory: null, network: null, storage: null };
  const read = (): Promise<UsageReading> => Promise.resolve({ windowMs: 1_000, usage, pressure });
  await work(
    { heavy: (_, { runId, signal }) => turnstile.pass(runId, signal).then(() => null) },
    { learning: true, machine: "m9", usage: { read } },
  );
  await submit("r", "heavy");
  await turnstile.holds(1);
  await eventually(
    async () => {
      const said = JSON.parse((await redis.hget(keys.usage, "m9")) ?? "{}") as UsageWord;
      expect(said.usage["cpu"]).toBeCloseTo(usage.cpu);
      expect(said.pressure["cpu"]).toBeCloseTo(pressure.cpu);
      // What cannot be read is unknown, also of several looks.
      expect(said).toMatchObject({ usage: { memory: null }, pressure: { storage: null } });
      expect(said.windowMs % 1_000).toBe(0);
      expect(said.running?.["heavy"]).toBeCloseTo(1);
    },
    { timeoutMs: 30_000 },
  );
  turnstile.open();
  expect((await tutti.result("r", { timeoutMs: 20_000 })).state).toBe("completed");
});

test("a word about a machine is learned from once, and only when it says what ran", async ({
  redis,
  prefix,
}) => {
  const keys = new Keys(prefix);
  const nowMs = 1_000_000;
  const gate = new Gate(redis, keys, () => nowMs);
  await gate.register({ machine: "m", process: "p" }, 1e9, { "*": MACHINE_UNITS });
  await gate.configure({
    tools: { ask: { declared: { ...takes({ cpu: 0.2 }), serviceMs: 100 } } },
  });
  const learner = new Learner(redis, keys, gate);
  const learned = async (word: object): Promise<unknown> => {
    const whole = { usage: { cpu: 0.9 }, pressure: {}, windowMs: 5_000, atMs: nowMs, ...word };
    await redis.hset(keys.usage, "m", JSON.stringify(whole));
    await learner.pass();
    return (JSON.parse((await redis.get(keys.learned))!) as { vectors: unknown }).vectors;
  };
  const nothing = await learned({});
  const once = await learned({ running: { ask: 3 } });
  expect(once).not.toEqual(nothing);
  expect(await learned({ running: { ask: 3 } })).toEqual(once);
  expect(await learned({ running: { ask: 3 }, atMs: nowMs - 1 })).not.toEqual(once);
});

test("the knee of a service is found and followed", async ({ redis, prefix }) => {
  const world = new KneeWorld(redis, prefix, randomFrom(SEED));
  await world.start();
  const shares: number[] = [];
  for (const knee of [16, 8, 16]) {
    world.knee = knee;
    // What was learned of the phase before holds until the change shows.
    await world.pass(60_000);
    shares.push((await world.pass(120_000)) / world.best);
  }
  for (const share of shares) expect(share, JSON.stringify(shares)).toBeGreaterThan(0.85);
  expect(world.underway).toBeLessThan(32);
});
