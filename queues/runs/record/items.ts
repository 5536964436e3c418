import type { Redis } from "ioredis";

import type { Json } from "../../../config/index.ts";
import type { Keys } from "../../names.ts";

/** Items written by one command. */
const CHUNK = 500;

/** The items of forEach steps, kept one by one so that a job reads only its own. */
export class Items {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async put(runId: string, stepId: string, items: readonly Json[]): Promise<void> {
    const key = this.#keys.items(runId, stepId);
    for (let from = 0; from < items.length; from += CHUNK) {
      const pairs = items
        .slice(from, from + CHUNK)
        .flatMap((item, index) => [String(from + index), JSON.stringify(item)]);
      await this.#redis.hset(key, ...pairs);
    }
  }

  /** Stores one item after the others. */
  async putOne(runId: string, stepId: string, index: number, item: Json): Promise<void> {
    await this.#redis.hset(this.#keys.items(runId, stepId), String(index), JSON.stringify(item));
  }

  async get(runId: string, stepId: string, index: number): Promise<Json> {
    const text = await this.#redis.hget(this.#keys.items(runId, stepId), String(index));
    return text === null ? null : (JSON.parse(text) as Json);
  }
}
