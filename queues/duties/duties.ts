import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import { defineScripts, script, type Commands } from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { LEAVE_DUTY, RENEW_DUTY } from "./scripts/generated.ts";

/** The state of a background duty of the workers. */
export interface DutyState {
  readonly name: string;
  /** How often it runs. Milliseconds. */
  readonly everyMs: number;
  /** When its last pass began. Milliseconds since 1970. */
  readonly beganAtMs: number;
  /** How long that pass took. Milliseconds. */
  readonly tookMs: number;
  /** Why its last pass failed; null if it did not. */
  readonly error: string | null;
  /** What the last pass could not do although it went on: `<run, tenant or lane>: <reason>`, the first 20. */
  readonly failures: readonly string[];
  /** Work that was due at the end of its last pass and is still to be done, such as runs to remove. */
  readonly behind?: number;
}

/** The state of a duty now. */
export interface DutyView extends DutyState {
  /** How much later than planned the next pass is; 0 if it is not due. Milliseconds. */
  readonly lateMs: number;
}

/** A running pass holds its duty for this long and renews that more often. Milliseconds. */
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

  /** Runs a pass, unless another pass of this duty is underway somewhere; then returns null. */
  async alone<T>(name: string, token: string, pass: () => Promise<T>): Promise<T | null> {
    const key = this.#keys.duty(name);
    if ((await this.#redis.set(key, token, "PX", LEASE_MS, "NX")) === null) {
      // The same request, sent again because its answer was lost.
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

  /** Forgets a duty that no longer exists. */
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
