import {
  Worker,
  type AdvancedOptions,
  type BackendFactory,
  type Job,
  type RedisQueueBackend,
} from "bullmq";
import type { Redis } from "ioredis";

import {
  MAX_STALLED_COUNT,
  STALLED_INTERVAL_MS,
  WORKER_RETRY_MS,
  given,
} from "../../config/index.ts";
import type { Engine } from "../steps/engine.ts";

/** What is left of a worker's type when the jobs it takes do not matter. */
export type OpenWorker = Pick<Worker, "close" | "waitUntilReady" | "on">;

interface OpenWorkerOptions {
  readonly connection: Redis;
  readonly prefix: string;
  /** Jobs at once. */
  readonly concurrency: number;
  /** A worker that is silent this long loses its jobs to another. Milliseconds. */
  readonly lockDurationMs: number;
  /** How often jobs of silent workers are looked for, no less often than locks end. Milliseconds. Default: 5,000. */
  readonly stalledIntervalMs?: number;
  readonly settings?: AdvancedOptions;
  /** Default: one by Redis' clock. */
  readonly backend?: BackendFactory<RedisQueueBackend>;
}

/** A BullMQ worker as all of a process are: how it is named, how it waits for Redis, and where it tells its troubles. */
export function openWorker<T>(
  engine: Engine,
  queue: string,
  processor: (job: Job<T>, token?: string) => Promise<unknown>,
  options: OpenWorkerOptions,
): OpenWorker {
  const { lockDurationMs, stalledIntervalMs = STALLED_INTERVAL_MS, settings } = options;
  const worker = new Worker<T>(
    queue,
    processor,
    {
      connection: options.connection,
      prefix: options.prefix,
      // Stands in the job while it runs here.
      name: engine.worker,
      concurrency: options.concurrency,
      lockDuration: lockDurationMs,
      stalledInterval: Math.min(lockDurationMs, stalledIntervalMs),
      maxStalledCount: MAX_STALLED_COUNT,
      runRetryDelay: WORKER_RETRY_MS,
      ...given({ settings }),
    },
    options.backend ?? engine.clock.backend,
  );
  worker.on("error", (error) => engine.troubles.warn({ queue }, error, "worker error"));
  return worker;
}
