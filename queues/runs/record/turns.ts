import type { Redis } from "ioredis";

import type { Keys } from "../../names.ts";

/** The position of a run among those that wait for their turn. */
export interface Turn {
  /** Runs of its tenant that are at work. */
  readonly atWork: readonly string[];
  /** Runs before it; null if it does not stand in that line. */
  readonly ahead: number | null;
  /** The line of runs with the same serial key, if the run is in one and it is not its turn. */
  readonly serial?: {
    readonly word: string;
    readonly holder: string | null;
    readonly ahead: number;
  };
}

/** Reads the positions of waiting runs. */
export class Turns {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async of(runId: string, tenant: string): Promise<Turn> {
    const [atWork, ahead, word] = await Promise.all([
      this.#redis.smembers(this.#keys.admitted(tenant)),
      this.#redis.zrank(this.#keys.waiting(tenant), runId),
      this.#redis.hget(this.#keys.run(runId), "serial"),
    ]);
    if (word === null || ahead !== null) return { atWork, ahead };
    const [holder, place] = await Promise.all([
      this.#redis.hget(this.#keys.serial, word),
      this.#redis.lpos(this.#keys.serialLine(word), runId),
    ]);
    return place === null
      ? { atWork, ahead }
      : { atWork, ahead, serial: { word, holder, ahead: place } };
  }
}
