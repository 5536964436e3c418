import type { Redis } from "ioredis";

import type { Keys } from "./names.ts";

/** How often a worker says that it is alive, and for how long that counts. Milliseconds. */
export const HEARTBEAT_MS = 5_000;
const ALIVE_MS = 15_000;

/** What a worker process says of itself. */
export interface WorkerInfo {
  readonly id: string;
  readonly machine: string;
  readonly pid: number;
  /** Tools whose queues it serves. */
  readonly tools: readonly string[];
}

/** Which worker processes are alive. */
export class Presence {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  async announce(worker: WorkerInfo): Promise<void> {
    await Promise.all([
      this.#redis.hset(this.#keys.workerInfo, worker.id, JSON.stringify(worker)),
      this.#redis.zadd(this.#keys.workers, (await this.#now()) + ALIVE_MS, worker.id),
    ]);
  }

  async leave(workerId: string): Promise<void> {
    await Promise.all([
      this.#redis.zrem(this.#keys.workers, workerId),
      this.#redis.hdel(this.#keys.workerInfo, workerId),
    ]);
  }

  /** Workers that were heard of in the last 15 s; the others are forgotten. */
  async alive(): Promise<WorkerInfo[]> {
    const gone = await this.#redis.zrangebyscore(this.#keys.workers, "-inf", await this.#now());
    for (const id of gone) await this.leave(id);
    const ids = await this.#redis.zrange(this.#keys.workers, "0", "-1");
    if (ids.length === 0) return [];
    const infos = await this.#redis.hmget(this.#keys.workerInfo, ...ids);
    return infos.filter((info) => info !== null).map((info) => JSON.parse(info) as WorkerInfo);
  }

  /** By Redis' clock: those of processes may be wrong. */
  async #now(): Promise<number> {
    return Number((await this.#redis.time())[0]) * 1_000;
  }
}
