import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Keys } from "../names.ts";
import type { RunState } from "../runs/record/run-record.ts";

/** Results that are kept: an hour at one run a minute. */
const KEPT = 60;

/** The result of a canary run. */
export interface CanaryResult {
  readonly runId: string;
  /** `open`: it had not ended when the next one was due. `none`: it could not be started, or its record is gone. */
  readonly state: RunState | "open" | "none";
  /** From submission to end; null: it did not end. Milliseconds. */
  readonly tookMs: number | null;
  /** Why it did not complete, if known. */
  readonly reason?: string;
  /** When it was checked, by Redis' clock. Milliseconds. */
  readonly atMs: number;
}

/** The stored state of the canary of a deployment. */
export interface CanaryRecord {
  readonly workflowId: string;
  /** How often it is started. Milliseconds. */
  readonly everyMs: number;
  /** The run underway; null: none. */
  readonly runId: string | null;
  /** Oldest first. */
  readonly results: readonly CanaryResult[];
}

/** Stores the last results of the canary. */
export class Canaries {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Null: there is no canary. */
  async read(): Promise<CanaryRecord | null> {
    const text = await this.#redis.get(this.#keys.canary);
    return text === null ? null : readJson<CanaryRecord>(text);
  }

  async write(record: CanaryRecord): Promise<void> {
    const kept = { ...record, results: record.results.slice(-KEPT) };
    await this.#redis.set(this.#keys.canary, JSON.stringify(kept));
  }

  async forget(): Promise<void> {
    await this.#redis.del(this.#keys.canary);
  }
}
