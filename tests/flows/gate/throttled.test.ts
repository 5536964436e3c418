import { describe, expect } from "vitest";

import { KneeWorld } from "../../support/knee-world.ts";
import { randomFrom } from "../../support/random.ts";
import { test } from "../../support/redis.ts";
import { SEED } from "../../support/seed.ts";

const MINUTE_MS = 60_000;

/** When the service answers 429 instead of working; times since the caps have settled. Milliseconds. */
interface Refusals {
  readonly name: string;
  readonly refuses: (atMs: number, nth: number) => number | null;
}

const LONE: readonly Refusals[] = [
  {
    name: "for 37 s, and asks for 5 s each time",
    refuses: (atMs) => (atMs < 37_000 ? 5_000 : null),
  },
  { name: "for 37 s, and asks for nothing", refuses: (atMs) => (atMs < 37_000 ? 0 : null) },
  { name: "a single call", refuses: (_atMs, nth) => (nth === 0 ? 5_000 : null) },
  { name: "for 10 s, and asks for a minute", refuses: (atMs) => (atMs < 10_000 ? 60_000 : null) },
];

describe("a lone 429 says nothing about how many calls at once a service takes", () => {
  for (const knee of [6, 16])
    for (const { name, refuses } of LONE)
      test(`${knee} calls; it refuses ${name}`, async ({ redis, prefix }) => {
        const world = new KneeWorld(redis, prefix, randomFrom(SEED));
        await world.start();
        world.knee = knee;
        await world.pass(1.5 * MINUTE_MS);
        const before = await world.cap();
        const sinceMs = world.nowMs;
        world.refuses = () => refuses(world.nowMs - sinceMs, world.refused);
        await world.pass(40_000);
        expect(world.refused).toBeGreaterThan(0);
        const after = await world.cap();
        expect(after, `${before} -> ${after}`).toBeGreaterThanOrEqual(0.8 * before!);
        await world.pass(30_000);
        const done = await world.pass(MINUTE_MS / 2);
        expect(done, `cap ${before} -> ${await world.cap()}`).toBeGreaterThan(0.7 * world.best);
      });
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
