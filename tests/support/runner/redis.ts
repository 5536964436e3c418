import { createHash } from "node:crypto";

import { Redis } from "ioredis";
import { inject, test as base } from "vitest";

import { KEPT } from "./kept.ts";

interface RedisFixtures {
  /** Where the Redis of this run is. */
  redisUrl: string;
  /** A key prefix that no other test has. Its keys are deleted when the test passed and kept when it failed. */
  prefix: string;
  /** A connection that ends with the test. */
  redis: Redis;
}

/** Deletes all that stands under a prefix. */
export async function deleteKeys(redis: Redis, prefix: string): Promise<void> {
  // Braces mean nothing to MATCH; the prefix holds no other special letters.
  const pattern = `${prefix}*`;
  for await (const keys of redis.scanStream({ match: pattern, count: 1_000 }) as AsyncIterable<
    string[]
  >) {
    if (keys.length > 0) await redis.unlink(...keys);
  }
}

/** `test` with a Redis, and a namespace in it for each test. */
export const test = base.extend<RedisFixtures>({
  redisUrl: async ({}, use) => {
    await use(inject("redisUrl"));
  },
  redis: async ({ redisUrl }, use) => {
    const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
    await use(redis);
    await redis.quit();
  },
  prefix: async ({ redis, task }, use) => {
    const name = `${task.file.name} ${task.id} ${process.pid} ${Date.now()}`;
    const prefix = `{t-${createHash("sha256").update(name).digest("hex").slice(0, 12)}}`;
    await use(prefix);
    if (task.result?.state === "fail") await redis.sadd(KEPT, prefix);
    else await deleteKeys(redis, prefix);
  },
});
