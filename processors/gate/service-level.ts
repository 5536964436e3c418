import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Gate, Keys } from "../../queues/index.ts";
import { judge, NOTHING_COUNTED, type Counted, type LevelState, type Turn } from "./level.ts";

/** What a pass counted, and the level that it turned to. */
export interface LevelReport extends Counted {
  readonly level: number;
  readonly turn: Turn | null;
}

/** Decides at which level the deployment works. One pass at a time, of all workers. */
export class ServiceLevel {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #gate: Gate;

  constructor(redis: Redis, keys: Keys, gate: Gate) {
    this.#redis = redis;
    this.#keys = keys;
    this.#gate = gate;
  }

  async pass(): Promise<LevelReport> {
    const { counted: key } = this.#keys;
    const [text, seen] = await Promise.all([this.#redis.get(key), this.#gate.health()]);
    const before = text === null ? NOTHING_COUNTED : readJson<LevelState>(text);
    const { state, counted, turn } = judge(before, seen);
    await this.#redis.set(key, JSON.stringify(state));
    const turned =
      turn !== null &&
      seen.by === undefined &&
      (await this.#gate.turnLevel(seen.level, turn.to, turn.reason));
    return { ...counted, level: seen.level, turn: turned ? turn : null };
  }
}
