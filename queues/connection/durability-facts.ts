import type { Redis } from "ioredis";

import { isAtLeast, parseInfo } from "./server-info.ts";

/** The first version that can be asked to sync what was written. Valkey reports a Redis version too. */
const WAITAOF_VERSION = "7.2";

/** What a server says about how it keeps what is written. Null: it does not say. */
export interface DurabilityFacts {
  /** When what was written is synced to the disk; `off` without an append-only file. */
  readonly syncs: "always" | "everysec" | "no" | "off" | null;
  /** Replicas that are connected. */
  readonly replicas: number | null;
  /** Whether it can be asked to sync now: Redis and Valkey from 7.2, with an append-only file. */
  readonly hasWaitAof: boolean;
}

/** @param key any key of the deployment: a cluster answers by keys. */
export async function factsFrom(redis: Redis, key: string): Promise<DurabilityFacts> {
  const asked = redis
    .pipeline()
    .exists(key)
    .info()
    .config("GET", "appendonly")
    .config("GET", "appendfsync");
  const [reached, info, appends, syncs] = (await asked.exec()) ?? [];
  if (reached?.[0]) throw reached[0];
  // Managed servers forbid some of it.
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

/** Why this Redis cannot keep the profile `strict`; null when it can, or does not say. */
export function lackOf({ syncs, hasWaitAof }: DurabilityFacts): string | null {
  if (syncs === null || syncs === "always" || hasWaitAof) return null;
  const is = syncs === "off" ? "has no append-only file" : `has appendfsync ${syncs}`;
  return `expected a Redis with appendonly yes and appendfsync always for durability strict; this one ${is}`;
}

/** The value of an answer of CONFIG GET: name and value, as a list or as a map. */
function setting(answer: readonly [Error | null, unknown] | undefined): string | undefined {
  const [error, result] = answer ?? [null, null];
  if (error !== null || result === null || typeof result !== "object") return undefined;
  const value: unknown = Array.isArray(result) ? result[1] : Object.values(result)[0];
  return typeof value === "string" ? value : undefined;
}
