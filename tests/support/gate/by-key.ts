import type { Redis } from "ioredis";

import { workflow } from "../drawn/workflows.ts";

export const WAIT = { timeoutMs: 30_000 };
/** Lanes of which nobody heard are found by looking, but not within this time. Milliseconds. */
export const LOOKED_FOR_MS = 4_500;
export const once = { retry: { maxAttempts: 1 } } as const;
export const KEY = { key: "${{ input.account }}" };

/** A workflow of steps of the tool `ask` that do not wait for each other. */
export const steps = (count: number, more: object = {}) =>
  workflow(Array.from({ length: count }, (_, n) => ({ id: `s${n}`, tool: "ask", ...more })));

/** Limits that hold for each key of steps. */
export const byStep = (limits: object) => ({ limits: { perKey: { by: "step", ...limits } } });

/** Everything in Redis that tells of a lane: keys, and fields and members of keys. */
export async function traces(redis: Redis, prefix: string): Promise<string[]> {
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
