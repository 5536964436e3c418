import { expect } from "vitest";

import { GateModel } from "../../support/gate-model.ts";
import { randomFrom } from "../../support/random.ts";
import { test } from "../../support/redis.ts";
import { SEED } from "../../support/seed.ts";

test("ten thousand random events break nothing: capacity, slots, rates, counters, turns", async ({
  redis,
  prefix,
}) => {
  const model = new GateModel(redis, prefix, randomFrom(SEED));
  await model.start();
  const report = await model.play(Number(process.env["N"] ?? 10_000));
  console.log(`seed ${SEED}: ${JSON.stringify(report)}`);
  await model.drain();
  // Something was refused, something was granted, processes died, or nothing was tested.
  for (const count of [report.grants, report.refusals, report.deaths, report.changes])
    expect(count).toBeGreaterThan(0);
  expect(report.longestWaitMs).toBeLessThan(60_000);
});

test("nobody starves, not even who needs most of a machine", async ({ redis, prefix }) => {
  const model = new GateModel(redis, prefix, randomFrom(SEED), false);
  await model.start();
  const report = await model.play(Number(process.env["N"] ?? 10_000));
  console.log(`seed ${SEED}: ${JSON.stringify(report)}`);
  await model.drain();
  expect(report.longestBigMs).toBeLessThan(10_000);
});
