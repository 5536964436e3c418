import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import type { Redis } from "ioredis";
import { pino } from "pino";

import {
  DEFAULT_STRATEGY,
  GRACE_MS,
  LOCK_DURATION_MS,
  MAX_RUNNING_RUNS,
  loadCatalogue,
  readJson,
  RETAIN_FAILED_MS,
  RETAIN_MS,
  PASS_MS,
  RETAIN_RUNS,
  TuttiError,
  type ToolRegistry,
} from "../config/index.ts";
import {
  ActiveCalls,
  bindTools,
  builtInHandlers,
  capacityOf,
  declaredLimits,
  Definitions,
  Doorkeeper,
  Learner,
  MachineUsage,
  Meter,
  Periodic,
  RepeatedLog,
  Repeats,
  Duties,
  Sampler,
  ServiceLevel,
  Settlement,
  Starters,
  Suspects,
  Workers,
  type BoundTools,
  type Engine,
  type SecretSource,
} from "../processors/index.ts";
import {
  Flows,
  HEARTBEAT_MS,
  openPatient,
  REDIS_TROUBLES,
  Runs,
  SAMPLE_MS,
  Waits,
  WorkflowRegistry,
} from "../queues/client.ts";
import {
  Canaries,
  Durability,
  DutyStates,
  FIELDS,
  Gate,
  Items,
  Keys,
  Ledger,
  Presence,
  RedisClock,
  Results,
  Samples,
  settlesWithin,
  showLimits,
  ToolQueues,
  Triggers,
  Values,
  type Abort,
  type Declaration,
} from "../queues/index.ts";
import { announceAlerts } from "./optimizer/service/announce.ts";
import { Optimizer } from "./optimizer/service/optimizer.ts";
import type { StartWorkerOptions } from "./worker-options.ts";
import { treeOf } from "./workflow/plan/tree.ts";

export type {
  CallContext,
  SecretSource,
  ToolHandler,
  UsageProbe,
  UsageReading,
} from "../processors/index.ts";
export type { StartWorkerOptions } from "./worker-options.ts";

/** How long a stopping worker tries to say so. Milliseconds. */
const LEAVE_MS = 1_000;

/** A worker process at work. */
export interface TuttiWorker extends AsyncDisposable {
  readonly id: string;
  /** Ids of the tools it serves. */
  readonly tools: readonly string[];
  /** Takes no new steps, waits for the running ones, and leaves. */
  close(): Promise<void>;
}

/**
 * Starts to run the steps of workflows in this process.
 *
 * ```ts
 * const worker = await startWorker({ redisUrl, registry, handlers: { "mail.send": async (input) => ... } });
 * ```
 */
export async function startWorker(options: StartWorkerOptions): Promise<TuttiWorker> {
  const running = new RunningWorker(options);
  await running.start();
  return running;
}

class RunningWorker implements TuttiWorker {
  readonly id: string;
  readonly tools: readonly string[];
  readonly #options: StartWorkerOptions;
  readonly #redis: Redis;
  readonly #subscriber: Redis;
  readonly #keys: Keys;
  readonly #engine: Engine;
  readonly #bound: BoundTools;
  readonly #workers: Workers;
  readonly #duties: Duties;
  readonly #starters: Starters;
  readonly #presence: Presence;
  readonly #sampler: Sampler;
  readonly #optimizer: Optimizer;
  readonly #machine: string;
  readonly #keeper: Doorkeeper;
  readonly #clock: RedisClock;
  readonly #declared: () => Declaration;
  #heartbeat: Periodic | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: StartWorkerOptions) {
    this.#options = options;
    this.#machine = options.machine ?? hostname();
    this.id = `${this.#machine}-${process.pid}-${randomBytes(3).toString("hex")}`;
    const registry = options.registry ?? loadCatalogue();
    const log = options.log ?? pino({ level: options.logLevel ?? "warn" }, pino.destination(2));
    const troubles = new RepeatedLog(log);
    this.#redis = openPatient(options.redisUrl, {
      refused: (trouble) =>
        log.warn({ trouble }, `Redis refuses commands: ${REDIS_TROUBLES[trouble]}; they wait`),
      over: (told, times, ms) =>
        log.warn({ troubles: told, times, ms }, "Redis takes commands again"),
    });
    this.#subscriber = openPatient(options.redisUrl);
    this.#keys = new Keys(options.prefix ?? "{tutti}");
    const { prefix } = this.#keys;
    const secret: SecretSource = options.secret ?? noSecrets;
    this.#bound = bindTools({
      registry,
      handlers: { ...builtInHandlers(options.filesDir), ...options.handlers },
      secret,
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.maxRetryAfterMs !== undefined && { maxRetryAfterMs: options.maxRetryAfterMs }),
      onOtherTerms: (tool, differs) =>
        log.warn(
          { tool, differs },
          `runs were submitted with another declaration of ${tool} (${differs.join(", ")}): their steps are checked by that one`,
        ),
    });
    const served = registry
      .list()
      .filter(
        ({ spec }) => this.#bound.isBound(spec.id) && (options.tools?.includes(spec.id) ?? true),
      );
    this.tools = served.map(({ spec }) => spec.id);
    const runs = new Runs(this.#redis, this.#keys);
    this.#clock = new RedisClock();
    const queues = new ToolQueues(this.#redis, prefix);
    const learning = options.learning ?? true;
    this.#declared = declaredOf(registry, learning);
    const gate = new Gate(this.#redis, this.#keys);
    this.#keeper = new Doorkeeper({
      gate,
      redis: this.#redis,
      subscriber: this.#subscriber,
      keys: this.#keys,
      machine: this.#machine,
      process: this.id,
      leaseMs: options.lockDurationMs ?? LOCK_DURATION_MS,
      capacity: capacityOf(options.strategy ?? DEFAULT_STRATEGY),
      log,
      clock: this.#clock,
      ...(learning ? { usage: options.usage ?? new MachineUsage() } : {}),
      onLimits: () => this.#workers.show(),
    });
    this.#presence = new Presence(this.#redis, this.#keys);
    this.#engine = {
      keys: this.#keys,
      ledger: new Ledger(this.#redis, this.#keys),
      durability: new Durability(this.#redis, options.redisUrl, this.#keys.kept, options),
      runs,
      registry: new WorkflowRegistry(this.#redis, this.#keys),
      waits: new Waits(this.#redis, this.#keys),
      maxRunning: options.maxRunning ?? MAX_RUNNING_RUNS,
      values: new Values(this.#redis, this.#keys),
      items: new Items(this.#redis, this.#keys),
      results: new Results(this.#redis, this.#keys),
      queues,
      flows: new Flows(this.#redis, queues, prefix),
      definitions: new Definitions((hash) => runs.definition(hash)),
      tools: this.#bound,
      gate,
      keeper: this.#keeper,
      settlement: new Settlement(registry),
      meter: new Meter(),
      repeats: new Repeats(),
      active: new ActiveCalls(),
      suspects: new Suspects(),
      treeOf,
      secret,
      worker: this.id,
      presence: this.#presence,
      lateResultMs: options.lockDurationMs ?? LOCK_DURATION_MS,
      log: log.child({ worker: this.id }),
      troubles,
      clock: this.#clock,
    };
    const { sampleIntervalMs = SAMPLE_MS } = options;
    const samples = new Samples(this.#redis, this.#keys, gate, sampleIntervalMs);
    this.#optimizer = new Optimizer({
      redis: this.#redis,
      keys: this.#keys,
      samples,
      gate,
      intervalMs: options.optimizeIntervalMs ?? PASS_MS,
      show: (ids) => showLimits(this.#redis, this.#keys, queues, ids),
      announce: announceAlerts(
        { ...this.#engine, triggers: new Triggers(this.#redis, this.#keys) },
        this.#engine.log,
      ),
    });
    this.#sampler = new Sampler({
      samples,
      meter: this.#engine.meter,
      machine: this.#machine,
      process: this.id,
      intervalMs: sampleIntervalMs,
      log,
    });
    this.#workers = new Workers(this.#engine, {
      connection: this.#redis,
      subscriber: this.#subscriber,
      prefix,
      tools: served.map(({ spec }) => spec),
      ...(options.lockDurationMs === undefined ? {} : { lockDurationMs: options.lockDurationMs }),
      ...(options.controlLockDurationMs === undefined
        ? {}
        : { controlLockDurationMs: options.controlLockDurationMs }),
    });
    this.#starters = new Starters(this.#engine, {
      connection: this.#redis,
      prefix,
      ...(options.controlLockDurationMs === undefined
        ? {}
        : { lockDurationMs: options.controlLockDurationMs }),
    });
    this.#duties = new Duties(this.#engine, {
      connection: this.#redis,
      prefix,
      states: new DutyStates(this.#redis, this.#keys),
      retention: {
        runs: options.retainRuns ?? RETAIN_RUNS,
        ms: options.retainMs ?? RETAIN_MS,
        failedMs: options.retainFailedMs ?? RETAIN_FAILED_MS,
      },
      optimizeIntervalMs: options.optimizeIntervalMs ?? PASS_MS,
      presence: this.#presence,
      level: new ServiceLevel(this.#redis, this.#keys, gate),
      ...(learning ? { learner: new Learner(this.#redis, this.#keys, gate) } : {}),
      ...(options.optimizer === false ? {} : { optimizer: this.#optimizer }),
      canaries: new Canaries(this.#redis, this.#keys),
      ...(options.canary === undefined ? {} : { canary: options.canary }),
      ...(options.canaryIntervalMs === undefined
        ? {}
        : { canaryIntervalMs: options.canaryIntervalMs }),
      ...(options.sweepIntervalMs === undefined
        ? {}
        : { sweepIntervalMs: options.sweepIntervalMs }),
      ...(options.lockDurationMs === undefined ? {} : { lockDurationMs: options.lockDurationMs }),
    });
  }

  async start(): Promise<void> {
    await this.#clock.measure(this.#redis);
    await this.#engine.durability.check();
    await this.#listenForAborts();
    await this.#keeper.start(this.#declared);
    await this.#workers.start();
    await this.#duties.start();
    await this.#optimizer.turn(this.#options.optimizer ?? true);
    await this.#starters.start();
    this.#sampler.start();
    await this.#announce();
    this.#heartbeat = new Periodic(HEARTBEAT_MS, () => this.#announce());
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    void this.#heartbeat?.stop();
    // First of all: whoever sees that this worker has left may count on its taking nothing any more.
    const drained = this.#workers.close(this.#options.graceMs ?? GRACE_MS);
    // Redis may be away, and its connections wait for it; a process that has to stop does not.
    await settlesWithin(this.#presence.leave(this.id), LEAVE_MS);
    await settlesWithin(Promise.all([this.#duties.close(), this.#starters.close()]), LEAVE_MS);
    await drained;
    await settlesWithin(this.#sampler.close(), LEAVE_MS);
    await settlesWithin(this.#keeper.close(), LEAVE_MS);
    await this.#bound.close();
    await settlesWithin(this.#engine.flows.close(), LEAVE_MS);
    await settlesWithin(this.#engine.queues.close(), LEAVE_MS);
    this.#engine.troubles.close();
    this.#engine.durability.close();
    this.#redis.disconnect();
    this.#subscriber.disconnect();
  }

  async #announce(): Promise<void> {
    try {
      await this.#clock.measure(this.#redis);
      await this.#presence.announce({
        id: this.id,
        machine: this.#machine,
        pid: process.pid,
        tools: this.tools,
      });
    } catch (thrown) {
      this.#engine.troubles.warn({}, thrown, "the heartbeat was not heard");
    }
  }

  /** Hears when the rest of a run must not start, and asks again after the connection was away. */
  async #listenForAborts(): Promise<void> {
    const { active } = this.#engine;
    this.#subscriber.on("message", (channel: string, message: string) => {
      if (channel !== this.#keys.control) return;
      const [, runId = "", ...abort] = message.split("\n");
      active.abort(runId, readJson<Abort>(abort.join("\n")));
    });
    await this.#subscriber.subscribe(this.#keys.control);
    this.#subscriber.on("ready", () => {
      this.#askForAborts().catch((thrown: unknown) =>
        this.#engine.troubles.warn({}, thrown, "stopped runs were not asked for"),
      );
    });
  }

  async #askForAborts(): Promise<void> {
    // What was told before this is heard again is read after it.
    await this.#subscriber.subscribe(this.#keys.control);
    for (const { runId, groups } of this.#engine.active.runs())
      await this.#checkAborts(runId, groups);
  }

  async #checkAborts(runId: string, groups: readonly string[]): Promise<void> {
    const fields = [FIELDS.abort, ...groups.map((group) => FIELDS.groupAbort(group))];
    for (const abort of await this.#engine.runs.fields(runId, fields))
      if (abort) this.#engine.active.abort(runId, readJson<Abort>(abort));
  }
}

/** What a registry declares, made anew when it has changed. */
function declaredOf(registry: ToolRegistry, learning: boolean): () => Declaration {
  let { revision } = registry;
  let declared = declaredLimits(registry, learning);
  return () => {
    if (registry.revision !== revision) {
      revision = registry.revision;
      declared = declaredLimits(registry, learning);
    }
    return declared;
  };
}

function noSecrets(name: string): never {
  throw new TuttiError(
    "secret_missing",
    `secret ${name} is asked for, and the worker was started without a source of secrets`,
  );
}
