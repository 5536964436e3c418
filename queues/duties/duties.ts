import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import { defineScripts, script, type Commands } from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { LEAVE_DUTY, RENEW_DUTY } from "./scripts/generated.ts";

/** How a background duty of the workers is. */
export interface DutyState {
  readonly name: string;
  /** How often it is done. Milliseconds. */
  readonly everyMs: number;
  /** When its last pass began. Milliseconds since 1970. */
  readonly beganAtMs: number;
  /** How long that took. Milliseconds. */
  readonly tookMs: number;
  /** Why its last pass failed; null when it did not. */
  readonly error: string | null;
  /** What the last pass could not do although it went on: `<run, tenant or lane>: <reason>`, the first 20. */
  readonly failures: readonly string[];
  /** What was due when its last pass ended and is still to be done, such as runs to be removed. */
  readonly behind?: number;
}

/** A duty as it is now. */
export interface DutyView extends DutyState {
  /** How much later than planned the next pass is; 0 when it is not due. Milliseconds. */
  readonly lateMs: number;
}

/** A pass that has not ended holds its duty, and says so at least this often. Milliseconds. */
const LEASE_MS = 30_000;
const RENEW_MS = LEASE_MS / 3;

const SCRIPTS = {
  renew: script<[duty: string, token: string, leaseMs: number], number>(
    "tuttiRenewDuty",
    RENEW_DUTY,
    { keys: 1 },
  ),
  leave: script<[duty: string, token: string], number>("tuttiLeaveDuty", LEAVE_DUTY, { keys: 1 }),
};

/** Which duties are underway, and how each went last. */
export class DutyStates {
  readonly #redis: Redis;
  readonly #scripts: Commands<typeof SCRIPTS>;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Does a pass, unless another one of this duty is underway somewhere: then the answer is null. */
  async alone<T>(name: string, token: string, pass: () => Promise<T>): Promise<T | null> {
    const key = this.#keys.duty(name);
    if ((await this.#redis.set(key, token, "PX", LEASE_MS, "NX")) === null) {
      // The same pass, sent again because its answer was lost.
      if ((await this.#redis.get(key)) !== token) return null;
    }
    const renewal = setInterval(() => {
      this.#scripts.renew(key, token, LEASE_MS).catch(() => {});
    }, RENEW_MS);
    try {
      return await pass();
    } finally {
      clearInterval(renewal);
      await this.#scripts.leave(key, token);
    }
  }

  async note(state: DutyState): Promise<void> {
    await this.#redis.hset(this.#keys.duties, state.name, JSON.stringify(state));
  }

  /** A duty that is not done any more. */
  async forget(name: string): Promise<void> {
    await this.#redis.hdel(this.#keys.duties, name);
  }

  /** All duties, by name. */
  async all(): Promise<DutyView[]> {
    const [texts, [seconds]] = await Promise.all([
      this.#redis.hvals(this.#keys.duties),
      this.#redis.time(),
    ]);
    const nowMs = Number(seconds) * 1_000;
    return texts
      .map((text) => readJson<DutyState>(text))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((state) => ({
        ...state,
        lateMs: Math.max(0, nowMs - (state.beganAtMs + Math.max(state.everyMs, state.tookMs))),
      }));
  }
}
