/** What calls were seen by a Redis that nobody harms. */
import type { Redis } from "ioredis";

import type { Call } from "../../model/words.ts";

/** In the order in which they came, by what `key` yields. */
export function grouped<T, K>(all: Iterable<T>, key: (one: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const one of all) {
    const group = groups.get(key(one));
    if (group === undefined) groups.set(key(one), [one]);
    else group.push(one);
  }
  return groups;
}

/** A call as it happened. A worker that was killed never told how its call ended. */
export interface WitnessedCall extends Call {
  /** Outputs and errors name it, so that the record tells which call it is about. */
  readonly id: number;
  readonly runId: string;
  /** Calls of one attempt were made again because a worker died. */
  readonly attempt: number;
}

type Entry =
  | Pick<WitnessedCall, "runId" | "key" | "attempt" | "beganMs">
  | Pick<WitnessedCall, "id" | "how" | "aborted">;

export class Witness {
  readonly #redis: Redis;
  readonly #prefix: string;

  constructor(redis: Redis, prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
  }

  /** Tells the workers what the calls of a run do. */
  async prepare(runId: string, script: object): Promise<void> {
    await this.#redis.hset(`${this.#prefix}.test:scripts`, runId, JSON.stringify(script));
  }

  /** From now on calls kill no worker. */
  async calm(): Promise<void> {
    await this.#redis.set(`${this.#prefix}.test:calm`, "1");
  }

  /** What the API could not explain. */
  async errors(): Promise<readonly string[]> {
    return this.#redis.lrange(`${this.#prefix}.test:errors`, 0, -1);
  }

  /** The calls of each run. */
  async calls(): Promise<ReadonlyMap<string, readonly WitnessedCall[]>> {
    const texts = await this.#redis.lrange(`${this.#prefix}.test:calls`, 0, -1);
    const byId = new Map<number, WitnessedCall>();
    for (const [index, text] of texts.entries()) {
      const entry = JSON.parse(text) as Entry;
      const place = index + 1;
      if ("id" in entry) byId.set(entry.id, { ...byId.get(entry.id)!, ...entry, ended: place });
      else {
        const open = { ended: Infinity, how: "running", aborted: false } as const;
        byId.set(place, { ...entry, ...open, id: place, began: place });
      }
    }
    return grouped(byId.values(), ({ runId }) => runId);
  }
}
