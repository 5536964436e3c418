import type { Redis } from "ioredis";
import { expect } from "vitest";

import { randomFrom } from "../drawn/random.ts";
import { SEED } from "../runner/seed.ts";
import { KneeWorld } from "./knee-world.ts";

const MINUTE_MS = 60_000;

/** When the service answers 429 instead of working; times since the caps have settled. Milliseconds. */
export interface Refusals {
  readonly name: string;
  readonly refuses: (atMs: number, nth: number) => number | null;
}

export const LONE: readonly Refusals[] = [
  {
    name: "for 37 s, and asks for 5 s each time",
    refuses: (atMs) => (atMs < 37_000 ? 5_000 : null),
  },
  { name: "for 37 s, and asks for nothing", refuses: (atMs) => (atMs < 37_000 ? 0 : null) },
  { name: "a single call", refuses: (_atMs, nth) => (nth === 0 ? 5_000 : null) },
  { name: "for 10 s, and asks for a minute", refuses: (atMs) => (atMs < 10_000 ? 60_000 : null) },
];

/** The cap of a service that takes `knee` calls at once stays through refusals that say nothing about it. */
export async function expectCapStays(
  redis: Redis,
  prefix: string,
  knee: number,
  { refuses }: Refusals,
): Promise<void> {
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
}
