import { Worker, type Job } from "bullmq";
import type { Redis } from "ioredis";

import { CONTROL_LOCK_DURATION_MS, MAX_STALLED_COUNT, messageOf } from "../../config/index.ts";
import {
  CONTROL_QUEUES,
  controlBackoffMs,
  fireDue,
  REARM,
  rearmSchedules,
  Schedules,
  type FireParts,
  type TickJob,
} from "../../queues/index.ts";
import type { Engine } from "../engine.ts";

/** Schedules that one worker process looks at at once: they only wait for Redis. */
const CONCURRENCY = 50;
/** How often schedules that nobody wakes are looked for. Milliseconds. */
const REARM_INTERVAL_MS = 60_000;
/** Reports of that which are kept for Bull Board. */
const REPORTS_KEPT = 20;

interface StartersOptions {
  readonly connection: Redis;
  readonly prefix: string;
  /** A worker that is silent this long loses its jobs to another. Milliseconds. Default: 5,000. */
  readonly lockDurationMs?: number;
}

/** What starts runs by itself: schedules. They are woken by BullMQ's job schedulers. */
export class Starters {
  readonly #engine: Engine;
  readonly #options: StartersOptions;
  readonly #parts: FireParts;
  #worker: Worker | undefined;

  constructor(engine: Engine, options: StartersOptions) {
    this.#engine = engine;
    this.#options = options;
    const { connection } = options;
    this.#parts = { ...engine, schedules: new Schedules(connection, engine.keys) };
  }

  async start(): Promise<void> {
    await this.#engine.queues
      .get(CONTROL_QUEUES.schedule)
      .upsertJobScheduler(
        REARM,
        { every: REARM_INTERVAL_MS },
        { name: REARM, opts: { removeOnComplete: REPORTS_KEPT, removeOnFail: REPORTS_KEPT } },
      );
    this.#worker = new Worker(CONTROL_QUEUES.schedule, (job: Job<TickJob>) => this.#wake(job), {
      connection: this.#options.connection,
      prefix: this.#options.prefix,
      concurrency: CONCURRENCY,
      lockDuration: this.#options.lockDurationMs ?? CONTROL_LOCK_DURATION_MS,
      maxStalledCount: MAX_STALLED_COUNT,
      settings: { backoffStrategy: controlBackoffMs },
    });
    this.#worker.on("error", (error) =>
      this.#engine.log.warn({ error: messageOf(error) }, "worker error"),
    );
    await this.#worker.waitUntilReady();
  }

  async close(): Promise<void> {
    await this.#worker?.close();
  }

  async #wake(job: Job<TickJob>): Promise<object> {
    const nowMs = await this.#parts.runs.now();
    if (job.name === REARM)
      return rearmSchedules(this.#engine.queues, this.#parts.schedules, nowMs);
    const { scheduleId } = job.data;
    return { firings: await fireDue(this.#parts, scheduleId, Math.max(nowMs, wakesAt(job))) };
  }
}

/**
 * The time for which BullMQ planned to wake a schedule, by the clock of some worker. A clock that is
 * ahead of Redis' wakes too early, and nothing would be due until the next time.
 */
function wakesAt(job: Job): number {
  return Number(job.id?.split(":").at(-1) ?? 0);
}
