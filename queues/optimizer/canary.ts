import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Keys } from "../names.ts";
import type { RunState } from "../runs/record/run-record.ts";

/** Results that are kept: an hour of runs once a minute. */
const KEPT = 60;

/** What became of a canary run. */
export interface CanaryResult {
  readonly runId: string;
  /** `open`: it did not end until the next one was due. `none`: it could not be started, or its record is gone. */
  readonly state: RunState | "open" | "none";
  /** From submission to its end; null: it did not end. Milliseconds. */
  readonly tookMs: number | null;
  /** Why it did not complete, as far as somebody knows. */
  readonly reason?: string;
  /** When it was looked at, by Redis' clock. Milliseconds. */
  readonly atMs: number;
}

/** What is known of the canary of a deployment. */
export interface CanaryRecord {
  readonly workflowId: string;
  /** How often it is started. Milliseconds. */
  readonly everyMs: number;
  /** The run that is underway; null: none. */
  readonly runId: string | null;
  /** The oldest first. */
  readonly results: readonly CanaryResult[];
}

/** Where the last results of the canary are kept. */
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
