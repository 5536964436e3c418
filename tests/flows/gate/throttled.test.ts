import { describe, expect, vi } from "vitest";

import { randomFrom } from "../../support/drawn/random.ts";
import { KneeWorld } from "../../support/learning/knee-world.ts";
import { expectCapStays, LONE } from "../../support/learning/lone-refusals.ts";
import { test } from "../../support/runner/redis.ts";
import { SEED } from "../../support/runner/seed.ts";

const MINUTE_MS = 60_000;
// Minutes of a service are played through; a busy machine takes long for that.
vi.setConfig({ testTimeout: 240_000 });

/** One of each kind; all of them with both services are in the slow tier. */
const QUICK = [
  { knee: 6, refusals: LONE[0]! },
  { knee: 16, refusals: LONE[2]! },
];

describe("a lone 429 says nothing about how many calls at once a service takes", () => {
  for (const { knee, refusals } of QUICK)
    test(`${knee} calls; it refuses ${refusals.name}`, ({ redis, prefix }) =>
      expectCapStays(redis, prefix, knee, refusals));
});

test("a service that refuses again and again has too many calls", async ({ redis, prefix }) => {
  const world = new KneeWorld(redis, prefix, randomFrom(SEED));
  await world.start();
  world.knee = 1_000;
  world.refuses = (underway) => (underway > 10 ? 0 : null);
  await world.pass(2 * MINUTE_MS);
  const caps: number[] = [];
  for (let n = 0; n < 12; n++) {
    await world.pass(5_000);
    caps.push((await world.cap()) ?? Infinity);
  }
  expect(Math.max(...caps), caps.join(" ")).toBeLessThanOrEqual(14);
});

describe("what is slow because its machine is full says nothing about the service", () => {
  test("a cap that is known stays while calls take five times as long", async ({
    redis,
    prefix,
  }) => {
    const world = new KneeWorld(redis, prefix, randomFrom(SEED));
    await world.start();
    world.knee = 16;
    await world.pass(1.5 * MINUTE_MS);
    const before = await world.cap();
    world.slowness = 5;
    world.isFull = true;
    await world.pass(2 * MINUTE_MS);
    expect(await world.cap()).toBe(before);
    world.slowness = 1;
    world.isFull = false;
    await world.pass(MINUTE_MS);
    expect(await world.cap()).toBeGreaterThanOrEqual(0.75 * before!);
  });

  test("a cap that nothing is known of goes where the catalogue declares it, and no further", async ({
    redis,
    prefix,
  }) => {
    const world = new KneeWorld(redis, prefix, randomFrom(SEED));
    await world.start(12);
    world.knee = 1_000;
    world.isFull = true;
    await world.pass(2 * MINUTE_MS);
    expect(await world.cap()).toBeNull();
    expect(world.underway).toBe(12);
  });

  test("without that the same calls are the service's", async ({ redis, prefix }) => {
    const world = new KneeWorld(redis, prefix, randomFrom(SEED));
    await world.start();
    world.knee = 16;
    await world.pass(1.5 * MINUTE_MS);
    const before = await world.cap();
    world.knee = 4;
    await world.pass(MINUTE_MS);
    expect(await world.cap()).toBeLessThan(before! / 2);
  });
});
