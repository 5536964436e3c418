import { Queue } from "bullmq";
import { expect } from "vitest";

import { CONTROL_QUEUES } from "../../../queues/index.ts";
import type { UsageReading } from "../../../src/worker.ts";
import { eventually } from "../../support/eventually.ts";
import { test } from "../../support/gatehouse.ts";
import { KneeWorld } from "../../support/knee-world.ts";
import { LearningWorld } from "../../support/learning-world.ts";
import { randomFrom } from "../../support/random.ts";
import { SEED } from "../../support/seed.ts";

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
    machines: { m1: { "b:cpu": 400_000, hot: 1 } },
  });
  await learning.close();
  await work({ heavy: () => null }, { learning: false });
  const { tools, machines, toolLayers } = await gate.show();
  expect(JSON.parse(tools["heavy"]!)).toMatchObject({ needs: { cpu: 600_000 } });
  expect(Object.keys(toolLayers).filter((name) => name.startsWith("learned:"))).toEqual([]);
  expect(machines["m1"]).not.toHaveProperty(["b:cpu"]);
  expect(machines["m1"]).not.toHaveProperty("hot");
  expect(await learners()).toBe(0);
  await submit("after", "heavy");
  expect((await tutti.result("after", { timeoutMs: 20_000 })).state).toBe("completed");
  expect(await redis.exists(`${keys.gate}.samples`)).toBe(0);
  await queue.close();
});

test("a machine is used as the worker's probe says", async ({
  gatehouse: { keys, work },
  redis,
}) => {
  const usage = { cpu: 0.42, memory: null, network: 0.1, storage: null };
  const pressure = { cpu: 0.03, memory: null, network: null, storage: null };
  const read = (): Promise<UsageReading> => Promise.resolve({ windowMs: 5_000, usage, pressure });
  await work({ heavy: () => null }, { learning: true, machine: "m9", usage: { read } });
  await eventually(
    async () => {
      const said = JSON.parse((await redis.hget(keys.usage, "m9")) ?? "{}") as object;
      expect(said).toMatchObject({ usage, pressure, windowMs: 5_000 });
    },
    { timeoutMs: 30_000 },
  );
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
