import type { Redis } from "ioredis";

import type { Drain } from "../../../queues/client.ts";

/** What tests write into Redis by hand, as the gate's script would: states that take long to come about. */

/** As if a machine had been kept for a big job. */
export async function keepMachine(
  redis: Redis,
  prefix: string,
  machine: string,
  { tool, units, untilMs }: Drain,
): Promise<void> {
  const stored = { tool, n: units, at: 0, ms: untilMs };
  await redis.hset(`${prefix}.gate.drains`, machine, JSON.stringify(stored));
}

/** As if twenty calls of a tool had taken so long. */
export async function seedService(
  redis: Redis,
  prefix: string,
  tool: string,
  meanMs: number,
): Promise<void> {
  await redis.hset(`${prefix}.gate.service`, tool, `${meanMs} 20`);
}
