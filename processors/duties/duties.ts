import { randomUUID } from "node:crypto";

import type { Job, JobsOptions, Queue } from "bullmq";
import type { Redis } from "ioredis";

import { LOCK_DURATION_MS, messageOf } from "../../config/index.ts";
import {
  CONTROL_QUEUES,
  type Canaries,
  type DutyStates,
  type Presence,
} from "../../queues/index.ts";
import { LEVEL_INTERVAL_MS } from "../gate/level.ts";
import type { ServiceLevel } from "../gate/service-level.ts";
import { CANARY_INTERVAL_MS, flyCanary, type CanaryJob } from "../optimizer/canary.ts";
import { LEARN_INTERVAL_MS, type Learner } from "../optimizer/learner.ts";
import { Periodic } from "../periodic.ts";
import type { Failure } from "../runs/each-of.ts";
import { givePlaces, PLACES_INTERVAL_MS } from "../runs/places.ts";
import { removeExpired, RETENTION_INTERVAL_MS, type Retention } from "../runs/retention.ts";
import { QUIET_SHARE, sweep, SWEEP_INTERVAL_MS } from "../runs/sweeper.ts";
import type { Engine } from "../steps/engine.ts";
import { dropLanes } from "../tools/drop-lanes.ts";
import { openWorker, type OpenWorker } from "../workers/open-worker.ts";
import { DUE_INTERVAL_MS, doWhatIsDue } from "./due.ts";

/** Reports of each duty that are kept for Bull Board. */
const REPORTS_KEPT = 20;
/** Passes that one worker does at once: no duty waits for another, and each is done once at a time. */
const CONCURRENCY = 8;

interface DutiesOptions {
  readonly connection: Redis;
  readonly prefix: string;
  readonly states: DutyStates;
  readonly retention: Retention;
  /** How often half-done work is looked for. Milliseconds. Default: 30,000. */
  readonly sweepIntervalMs?: number;
  /** Learns from what happened at the gate. Default: nobody does. */
  readonly learner?: Learner;
  /** Looks at the samples; what a pass returns is its report. Default: nobody does. */
  readonly optimizer?: { pass(): Promise<object | null> };
  /** How often. Milliseconds. */
  readonly optimizeIntervalMs: number;
  /** Workflow that is started again and again, to see whether it completes; false: none any more; undefined: as it is. */
  readonly canary?: string | false;
  readonly canaries: Canaries;
  /** How often. Milliseconds. Default: 60,000. */
  readonly canaryIntervalMs?: number;
  /** Which workers are alive. */
  readonly presence: Presence;
  /** Decides at which level the deployment works. */
  readonly level: ServiceLevel;
  /** A worker that is silent this long loses its pass to another. Milliseconds. Default: 30,000. */
  readonly lockDurationMs?: number;
}

/**
 * The background duties: BullMQ job schedulers, so that of all workers one does each pass and its
 * report can be read as the job's return value. What is due at once is looked at by every worker, because a
 * run that should stop cannot wait for a queue.
 */
export class Duties {
  readonly #engine: Engine;
  readonly #queue: Queue;
  readonly #options: DutiesOptions;
  readonly #sweepIntervalMs: number;
  #worker: OpenWorker | undefined;
  #due: Periodic | undefined;
  /** Passes that take long end early when this worker is to. */
  readonly #closing = new AbortController();

  constructor(engine: Engine, options: DutiesOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#sweepIntervalMs = options.sweepIntervalMs ?? SWEEP_INTERVAL_MS;
    this.#queue = engine.queues.get(CONTROL_QUEUES.duty);
  }

  async start(): Promise<void> {
    const opts = { removeOnComplete: REPORTS_KEPT, removeOnFail: REPORTS_KEPT };
    for (const [name, every] of Object.entries(this.#intervals())) {
      if (every === null) {
        await this.#queue.removeJobScheduler(name);
        await this.#options.states.forget(name);
      } else await this.#queue.upsertJobScheduler(name, { every }, { name, opts });
    }
    await this.#scheduleCanary(opts);
    const { connection, prefix, lockDurationMs = LOCK_DURATION_MS } = this.#options;
    this.#worker = openWorker<CanaryJob>(
      this.#engine,
      CONTROL_QUEUES.duty,
      (job) => this.#perform(job),
      { connection, prefix, lockDurationMs, concurrency: CONCURRENCY },
    );
    this.#due = new Periodic(DUE_INTERVAL_MS, () => this.#doWhatIsDue());
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#due?.stop();
    await this.#worker?.close();
  }

  /** How often each duty is done; null: not at all. Milliseconds. */
  #intervals(): Readonly<Record<string, number | null>> {
    const { learner, optimizer, optimizeIntervalMs } = this.#options;
    return {
      retention: RETENTION_INTERVAL_MS,
      sweeper: this.#sweepIntervalMs,
      places: PLACES_INTERVAL_MS,
      level: LEVEL_INTERVAL_MS,
      learner: learner === undefined ? null : LEARN_INTERVAL_MS,
      optimizer: optimizer === undefined ? null : optimizeIntervalMs,
      lanes: this.#sweepIntervalMs,
    };
  }

  /** One pass. How it went is noted, and told when it failed. */
  async #perform(job: Job<CanaryJob>): Promise<object> {
    const { states } = this.#options;
    const { troubles } = this.#engine;
    const { name } = job;
    const report = await states.alone(name, randomUUID(), async () => {
      const everyMs = this.#intervals()[name] ?? job.data.everyMs ?? 0;
      const beganAtMs = await this.#engine.runs.now();
      const since = performance.now();
      const note = async (
        error: string | null,
        { failures = [], behind = 0 }: PassOutcome = {},
      ) => {
        await states.note({
          name,
          everyMs,
          beganAtMs,
          tookMs: Math.round(performance.now() - since),
          error,
          behind,
          failures: failures.map((one) => `${one.id}: ${one.error}`),
        });
      };
      try {
        const done = await this.#pass(job);
        const outcome: PassOutcome = done;
        for (const one of outcome.failures ?? [])
          troubles.warn({ duty: name }, one.error, "a part of a duty failed");
        await note(null, outcome);
        return done;
      } catch (thrown) {
        troubles.warn({ duty: name }, thrown, "a duty failed");
        await note(messageOf(thrown));
        throw thrown;
      }
    });
    return report ?? { skipped: "the pass before is not over" };
  }

  async #pass(job: Job<CanaryJob>): Promise<object> {
    switch (job.name) {
      case "retention":
        return removeExpired(this.#engine, this.#options.retention, this.#closing.signal);
      case "sweeper":
        return sweep(this.#engine, this.#sweepIntervalMs * QUIET_SHARE);
      case "places":
        return givePlaces(this.#engine, this.#options.presence);
      case "level":
        return this.#options.level.pass();
      case "learner":
        return (await this.#options.learner?.pass()) ?? { learning: false };
      case "optimizer":
        return (await this.#options.optimizer?.pass()) ?? { samples: 0 };
      case "lanes":
        return dropLanes(this.#engine, this.#engine.queues);
      case "canary":
        return flyCanary(this.#engine, this.#options.canaries, job.data);
      default:
        return { unknown: job.name };
    }
  }

  /** A worker that says nothing of it leaves it to those that do: each can do the pass. */
  async #scheduleCanary(opts: JobsOptions): Promise<void> {
    const { canary, canaries, canaryIntervalMs: every = CANARY_INTERVAL_MS } = this.#options;
    const name = "canary";
    if (canary === undefined) return;
    if (canary === false) {
      await this.#queue.removeJobScheduler(name);
      await this.#options.states.forget(name);
      await canaries.forget();
      return;
    }
    const data: CanaryJob = { workflowId: canary, everyMs: every };
    await this.#queue.upsertJobScheduler(name, { every }, { name, data, opts });
  }

  async #doWhatIsDue(): Promise<void> {
    const { troubles } = this.#engine;
    try {
      for (const one of await doWhatIsDue(this.#engine))
        troubles.warn({ duty: "due" }, one.error, "a part of a duty failed");
    } catch (thrown) {
      troubles.warn({ duty: "due" }, thrown, "a duty failed");
    }
  }
}

/** What a pass says that it did not do. */
interface PassOutcome {
  readonly failures?: readonly Failure[];
  /** What was due and is still to be done. */
  readonly behind?: number;
}
