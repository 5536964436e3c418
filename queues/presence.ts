import type { Redis } from "ioredis";

import type { Keys } from "./names.ts";

/** How often a worker says that it is alive, and for how long that counts. Milliseconds. */
export const HEARTBEAT_MS = 5_000;
const ALIVE_MS = 15_000;
/** So long it is known when a silent worker was last heard of. Milliseconds. */
const REMEMBERED_MS = 3_600_000;

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
      this.#redis.zadd(this.#keys.workers, await this.#now(), worker.id),
    ]);
  }

  async leave(workerId: string): Promise<void> {
    await Promise.all([
      this.#redis.zrem(this.#keys.workers, workerId),
      this.#redis.hdel(this.#keys.workerInfo, workerId),
    ]);
  }

  /** Workers that were heard of in the last 15 s; those that are silent for an hour are forgotten. */
  async alive(): Promise<WorkerInfo[]> {
    const now = await this.#now();
    const { workers } = this.#keys;
    const gone = await this.#redis.zrangebyscore(workers, "-inf", now - REMEMBERED_MS);
    for (const id of gone) await this.leave(id);
    const ids = await this.#redis.zrangebyscore(workers, `(${now - ALIVE_MS}`, "+inf");
    if (ids.length === 0) return [];
    const infos = await this.#redis.hmget(this.#keys.workerInfo, ...ids);
    return infos.filter((info) => info !== null).map((info) => JSON.parse(info) as WorkerInfo);
  }

  /** For how long a worker was not heard of; null for one that has left, or is silent for an hour. Milliseconds. */
  async silentMs(workerId: string): Promise<number | null> {
    const heard = await this.#redis.zscore(this.#keys.workers, workerId);
    return heard === null ? null : Math.max(0, (await this.#now()) - Number(heard));
  }

  /** Whether a worker that is silent this long counts as alive. */
  static isAlive(silentMs: number | null): boolean {
    return silentMs !== null && silentMs < ALIVE_MS;
  }

  /** By Redis' clock: those of processes may be wrong. */
  async #now(): Promise<number> {
    const [seconds, micros] = await this.#redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}
