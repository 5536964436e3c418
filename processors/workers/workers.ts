import type { Job } from "bullmq";
import type { Redis } from "ioredis";

import {
  CONTROL_LOCK_DURATION_MS,
  LOCK_DURATION_MS,
  type Binding,
  type ToolSpec,
} from "../../config/index.ts";
import {
  CONTROL_QUEUES,
  fitting,
  settlesWithin,
  showLimits,
  silenceText,
  toolOfQueue,
  unitsOf,
  wholeMachine,
} from "../../queues/index.ts";
import { controlBackoffMs } from "../../queues/worker.ts";
import { runProcessor } from "../runs/run.ts";
import type { Engine } from "../steps/engine.ts";
import { EACH } from "../steps/kinds/each.ts";
import { stepProcessor } from "../steps/kinds/step.ts";
import { SUB } from "../steps/kinds/sub.ts";
import { WAIT } from "../steps/kinds/wait.ts";
import { RetryLater } from "../steps/pipeline/exit.ts";
import { processorOf } from "../steps/pipeline/pipeline.ts";
import { LaneWorkers } from "./lane-workers.ts";
import { openWorker, type OpenWorker } from "./open-worker.ts";

/**
 * Calls of one tool in one worker process at once, by how it is reached, unless its limits or resources say
 * more. A function costs what it does itself, and most wait; a request costs a connection
 * and somebody else's patience; a server of ours answers one at a time more often than not; a command is
 * a process.
 */
const CONCURRENCY: Readonly<Record<Binding["type"], number>> = {
  in_process: 200,
  http: 50,
  mcp: 20,
  command: 8,
};
/** A share may be as small as one likes; a process does not bear more than this. */
const MAX_CONCURRENCY = 1_000;
/** How long calls may take to let go when their worker has to stop. Milliseconds. */
const LET_GO_MS = 2_000;
/** Control jobs in one worker process at once: they only wait for Redis. */
const CONTROL_CONCURRENCY = 200;

/** How the workers of a process behave. */
export interface WorkersOptions {
  readonly connection: Redis;
  /** A connection that listens. */
  readonly subscriber: Redis;
  readonly prefix: string;
  /** The tools whose queues are served. */
  readonly tools: readonly ToolSpec[];
  /** A worker that is silent this long loses its steps to another. Default 30,000. */
  readonly lockDurationMs?: number;
  /** The same for control jobs. Default 15,000. */
  readonly controlLockDurationMs?: number;
}

/** The BullMQ workers of one process: one for each tool it serves and each lane of it, one for each kind of control job. */
export class Workers {
  readonly #workers: OpenWorker[] = [];
  readonly #lanes: LaneWorkers;
  readonly #tools: ReadonlyMap<string, ToolSpec>;
  readonly #engine: Engine;
  readonly #options: WorkersOptions;

  constructor(engine: Engine, options: WorkersOptions) {
    this.#engine = engine;
    this.#options = options;
    this.#tools = new Map(options.tools.map((tool) => [tool.id, tool]));
    this.#lanes = new LaneWorkers(engine, {
      subscriber: options.subscriber,
      serves: (tool) => this.#tools.has(tool),
      open: (lane) => this.#openLane(lane),
    });
  }

  /** Starts to serve. Resolves when every worker listens. */
  async start(): Promise<void> {
    const { tools, controlLockDurationMs = CONTROL_LOCK_DURATION_MS } = this.#options;
    const control = { concurrency: CONTROL_CONCURRENCY, lockDurationMs: controlLockDurationMs };
    this.#workers.push(
      this.#serve(CONTROL_QUEUES.run, runProcessor(this.#engine), control),
      this.#serve(CONTROL_QUEUES.each, processorOf(this.#engine, EACH), control),
      this.#serve(CONTROL_QUEUES.wait, processorOf(this.#engine, WAIT), control),
      this.#serve(CONTROL_QUEUES.sub, processorOf(this.#engine, SUB), control),
    );
    await this.show();
    for (const tool of tools) this.#workers.push(this.#serveCalls(tool.id, concurrencyOf(tool)));
    await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
    await this.#lanes.start();
  }

  /** Lets Bull Board show the limits that stand now. */
  async show(): Promise<void> {
    const ids = this.#options.tools.map(({ id }) => id);
    await this.#show([...ids, ...this.#lanes.names]);
  }

  async #show(names: readonly string[]): Promise<void> {
    const { keys, queues } = this.#engine;
    await showLimits(this.#options.connection, keys, queues, names);
  }

  #openLane(lane: string): OpenWorker {
    const tool = this.#tools.get(toolOfQueue(lane))!;
    this.#show([lane]).catch((thrown: unknown) =>
      this.#engine.troubles.warn({ queue: lane }, thrown, "limits were not shown"),
    );
    return this.#serveCalls(lane, concurrencyInLane(tool));
  }

  /** Serves the calls of a tool: in its own queue, or in a lane. */
  #serveCalls(queue: string, concurrency: number): OpenWorker {
    const { lockDurationMs = LOCK_DURATION_MS } = this.#options;
    return this.#serve(queue, stepProcessor(this.#engine), {
      concurrency,
      lockDurationMs,
      // There may be hundreds of these queues, and each look is a command.
      stalledIntervalMs: lockDurationMs,
      backend: this.#engine.keeper.backendOf(queue),
    });
  }

  #serve<T>(
    name: string,
    processor: (job: Job<T>, token?: string) => Promise<unknown>,
    options: Pick<
      Parameters<typeof openWorker>[3],
      "backend" | "concurrency" | "lockDurationMs" | "stalledIntervalMs"
    >,
  ): OpenWorker {
    const { troubles } = this.#engine;
    const { connection, prefix } = this.#options;
    const worker = openWorker(this.#engine, name, processor, {
      connection,
      prefix,
      settings: { backoffStrategy },
      ...options,
    });
    worker.on("stalled", (jobId) => {
      this.#tellStalled(name, jobId).catch((thrown: unknown) =>
        troubles.warn({ queue: name }, thrown, "a job lost its worker; it starts again"),
      );
    });
    return worker;
  }

  /** Says what is known of the worker that lost a job, and no more. */
  async #tellStalled(queue: string, jobId: string): Promise<void> {
    const { log, queues, presence } = this.#engine;
    const worker = (await queues.get(queue).getJob(jobId))?.processedBy;
    const silentMs = worker === undefined ? null : await presence.silentMs(worker);
    const known = worker === undefined ? "its worker is not known" : silenceText(worker, silentMs);
    log.warn({ queue, jobId, worker, silentMs }, `a job lost its lock and starts again: ${known}`);
  }

  /**
   * Takes no new jobs and waits for those that run. After `graceMs` their calls are aborted and the
   * steps go back to their queues, for another worker. What does not even let go is left behind: its
   * lock expires.
   */
  async close(graceMs: number): Promise<void> {
    const closing = Promise.all([
      this.#lanes.close(),
      ...this.#workers.map((worker) => worker.close()),
    ]);
    if (await settlesWithin(closing, graceMs)) return;
    this.#engine.log.warn({ graceMs }, "steps are still running; they start again elsewhere");
    this.#engine.active.abandon();
    await settlesWithin(closing, LET_GO_MS);
  }
}

/**
 * Calls of a tool that one worker process takes at once, at most. What may run is the gate's business, and
 * limits are raised while workers run; BullMQ would not notice before a job ends. So this is no limit of
 * its own but what a process bears, and never less than what the catalogue lets run on one machine.
 */
export function concurrencyOf(tool: ToolSpec): number {
  const needs = unitsOf(tool.resources);
  const fits = Object.keys(needs).length === 0 ? 0 : fitting(needs, wholeMachine);
  const borne = CONCURRENCY[tool.binding?.type ?? "in_process"];
  return Math.max(borne, Math.min(fits, MAX_CONCURRENCY), tool.limits.concurrency ?? 0);
}

/** The same of a lane, which has no more than its key may have. */
function concurrencyInLane(tool: ToolSpec): number {
  return Math.min(concurrencyOf(tool), tool.limits.perKey?.concurrency ?? Infinity);
}

function backoffStrategy(attemptsMade: number, _type?: string, error?: Error): number {
  return error instanceof RetryLater ? error.delayMs : controlBackoffMs(attemptsMade);
}
