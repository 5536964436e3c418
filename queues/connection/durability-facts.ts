import type { Redis } from "ioredis";

import { isAtLeast, parseInfo } from "./server-info.ts";

/** The first version with WAITAOF, which waits for a sync. Valkey reports a Redis version too. */
const WAITAOF_VERSION = "7.2";

/** How a server keeps writes, as it reports. Null: it does not say. */
export interface DurabilityFacts {
  /** When writes are synced to the disk; `off` without an append-only file. */
  readonly syncs: "always" | "everysec" | "no" | "off" | null;
  /** Connected replicas. */
  readonly replicas: number | null;
  /** Whether it supports WAITAOF now: Redis and Valkey from 7.2, with an append-only file. */
  readonly hasWaitAof: boolean;
}

/** @param key any key of the deployment: a cluster routes by keys. */
export async function factsFrom(redis: Redis, key: string): Promise<DurabilityFacts> {
  const asked = redis
    .pipeline()
    .exists(key)
    .info()
    .config("GET", "appendonly")
    .config("GET", "appendfsync");
  const [reached, info, appends, syncs] = (await asked.exec()) ?? [];
  if (reached?.[0]) throw reached[0];
  // Managed servers forbid some of these commands.
  const fields = parseInfo(typeof info?.[1] === "string" ? info[1] : "");
  const replicas = fields.get("connected_slaves");
  const appendOnly = setting(appends) ?? { "0": "no", "1": "yes" }[fields.get("aof_enabled") ?? ""];
  return {
    syncs:
      appendOnly === "no"
        ? "off"
        : ((setting(syncs) as DurabilityFacts["syncs"] | undefined) ?? null),
    replicas: replicas === undefined ? null : Number(replicas),
    hasWaitAof:
      appendOnly === "yes" && isAtLeast(fields.get("redis_version") ?? "", WAITAOF_VERSION),
  };
}

/** Why this Redis cannot keep the profile `strict`; null if it can, or does not say. */
export function lackOf({ syncs, hasWaitAof }: DurabilityFacts): string | null {
  if (syncs === null || syncs === "always" || hasWaitAof) return null;
  const is = syncs === "off" ? "has no append-only file" : `has appendfsync ${syncs}`;
  return `expected a Redis with appendonly yes and appendfsync always for durability strict; this one ${is}`;
}

/** The value in an answer of CONFIG GET, which is a list or a map of name and value. */
function setting(answer: readonly [Error | null, unknown] | undefined): string | undefined {
  const [error, result] = answer ?? [null, null];
  if (error !== null || result === null || typeof result !== "object") return undefined;
  const value: unknown = Array.isArray(result) ? result[1] : Object.values(result)[0];
  return typeof value === "string" ? value : undefined;
}
