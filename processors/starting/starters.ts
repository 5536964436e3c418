import type { Job } from "bullmq";
import type { Redis } from "ioredis";

import { CONTROL_LOCK_DURATION_MS } from "../../config/index.ts";
import {
  CONTROL_QUEUES,
  type FireParts,
  type Schedules,
  type Triggers,
} from "../../queues/index.ts";
import {
  controlBackoffMs,
  fireDue,
  fireOverdue,
  pullTrigger,
  REARM,
  rearmSchedules,
  WAKING,
  type PullParts,
  type TickJob,
  type TriggerJob,
} from "../../queues/worker.ts";
import type { Engine } from "../steps/engine.ts";
import { openWorker, type OpenWorker } from "../workers/open-worker.ts";

/** Schedules and triggers that one worker process looks at at once: they only wait for Redis. */
const CONCURRENCY = 50;
/** How often schedules that nobody wakes are looked for. Milliseconds. */
const REARM_INTERVAL_MS = 15_000;
/** Reports of that which are kept for Bull Board. */
const REPORTS_KEPT = 20;

interface StartersOptions {
  readonly connection: Redis;
  readonly prefix: string;
  readonly schedules: Schedules;
  readonly triggers: Triggers;
  /** A worker that is silent this long loses its jobs to another. Milliseconds. Default: 15,000. */
  readonly lockDurationMs?: number;
}

/** What starts runs by itself: schedules, woken by BullMQ's job schedulers, and triggers, by events. */
export class Starters {
  readonly #engine: Engine;
  readonly #options: StartersOptions;
  readonly #parts: FireParts & PullParts;
  readonly #workers: OpenWorker[] = [];

  constructor(engine: Engine, options: StartersOptions) {
    this.#engine = engine;
    this.#options = options;
    const { schedules, triggers } = options;
    this.#parts = { ...engine, schedules, triggers };
  }

  async start(): Promise<void> {
    await this.#engine.queues
      .get(CONTROL_QUEUES.schedule)
      .upsertJobScheduler(
        REARM,
        { every: REARM_INTERVAL_MS },
        { name: REARM, opts: { removeOnComplete: REPORTS_KEPT, removeOnFail: REPORTS_KEPT } },
      );
    this.#serve<TickJob>(CONTROL_QUEUES.schedule, (job) => this.#wake(job));
    this.#serve<TriggerJob>(CONTROL_QUEUES.trigger, async (job) => ({
      event: await pullTrigger(this.#parts, job.id ?? "", job.data),
    }));
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
  }

  #serve<T>(queue: string, processor: (job: Job<T>) => Promise<object>): void {
    const { connection, prefix, lockDurationMs = CONTROL_LOCK_DURATION_MS } = this.#options;
    const worker = openWorker(this.#engine, queue, processor, {
      connection,
      prefix,
      lockDurationMs,
      concurrency: CONCURRENCY,
      settings: { backoffStrategy: controlBackoffMs, ...WAKING },
    });
    this.#workers.push(worker);
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.close()));
  }

  async #wake(job: Job<TickJob>): Promise<object> {
    const nowMs = await this.#parts.runs.now();
    if (job.name === REARM) {
      const rearmed = await rearmSchedules(this.#engine.queues, this.#parts.schedules, nowMs);
      return { ...rearmed, overdue: await fireOverdue(this.#parts, nowMs) };
    }
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
