import type { Redis } from "ioredis";

import type { Keys } from "./names.ts";

/** How often a worker gives a sign of life, and how long that counts. Milliseconds. */
export const HEARTBEAT_MS = 5_000;
const ALIVE_MS = 15_000;
/** How long the last sign of life of a silent worker is remembered. Milliseconds. */
const REMEMBERED_MS = 3_600_000;

/** A worker process's report about itself. */
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

  /** Workers with a sign of life in the last 15 s. Those silent for an hour are forgotten. */
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

  /** How long a worker has been silent; null if it has left, or has been silent for an hour. Milliseconds. */
  async silentMs(workerId: string): Promise<number | null> {
    const heard = await this.#redis.zscore(this.#keys.workers, workerId);
    return heard === null ? null : Math.max(0, (await this.#now()) - Number(heard));
  }

  /** Whether a worker that has been silent this long counts as alive. */
  static isAlive(silentMs: number | null): boolean {
    return silentMs !== null && silentMs < ALIVE_MS;
  }

  /** By Redis' clock, because clocks of processes may be wrong. */
  async #now(): Promise<number> {
    const [seconds, micros] = await this.#redis.time();
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }
}
