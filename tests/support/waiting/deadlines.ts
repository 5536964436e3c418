import type { Redis } from "ioredis";

import { FIELDS, Keys } from "../../../queues/index.ts";

/** Until when a run has to end, by the clock of Redis; Infinity while its time stands still. Milliseconds. */
export async function deadlineOf(redis: Redis, prefix: string, runId: string): Promise<number> {
  const score = await redis.zscore(new Keys(prefix).open, runId);
  if (score === null) throw new Error(`${runId} is not open`);
  return score === "inf" ? Infinity : Number(score);
}

/** The clock of Redis. Milliseconds. */
export async function clockOf(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time();
  return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
}

/**
 * Lets the time of a run be over now, at a moment that the test has chosen. Returns how much time it had been given.
 * Milliseconds.
 */
export async function expire(redis: Redis, prefix: string, runId: string): Promise<number> {
  const keys = new Keys(prefix);
  const admittedAt = await redis.hget(keys.run(runId), FIELDS.admittedAt);
  const given = (await deadlineOf(redis, prefix, runId)) - Number(admittedAt);
  await redis.zadd(keys.open, "XX", 1, runId);
  return given;
}
