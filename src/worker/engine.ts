import { randomBytes } from "node:crypto";
import { hostname } from "node:os";

import type { Redis } from "ioredis";
import { pino, type Logger } from "pino";

import {
  DEFAULT_PREFIX,
  DEFAULT_STRATEGY,
  loadCatalogue,
  LOCK_DURATION_MS,
  MAX_RUNNING_RUNS,
  TuttiError,
  type ToolRegistry,
  given,
} from "../../config/index.ts";
import {
  ActiveCalls,
  bindTools,
  builtInHandlers,
  capacityOf,
  Definitions,
  Doorkeeper,
  MachineUsage,
  Meter,
  RepeatedLog,
  Repeats,
  Settlement,
  Suspects,
  type BoundTools,
  type Engine,
} from "../../processors/index.ts";
import { openPatient, REDIS_TROUBLES } from "../../queues/client.ts";
import {
  Creations,
  Durability,
  FlowTemplates,
  Keys,
  JobMoves,
  Ledger,
  RedisClock,
  Results,
  untestedBullScripts,
} from "../../queues/index.ts";
import { openStores, type Stores } from "../stores.ts";
import { treeOf } from "../workflow/plan/tree.ts";
import type { StartWorkerOptions } from "./options.ts";

/** What a worker process is, and what it stands on. */
export interface Ground {
  /** Id of this process among the workers of its deployment. */
  readonly id: string;
  readonly machine: string;
  readonly registry: ToolRegistry;
  readonly log: Logger;
  readonly stores: Stores;
  /** A connection that listens. */
  readonly subscriber: Redis;
  /** Learns from what is measured. */
  readonly learning: boolean;
}

/** Opens the connections of a worker process and what it keeps in Redis. */
export function openGround(options: StartWorkerOptions): Ground {
  const machine = options.machine ?? hostname();
  // What is wrong with the options is told before a connection is there that nobody would close.
  const keys = new Keys(options.prefix ?? DEFAULT_PREFIX);
  const registry = options.registry ?? loadCatalogue();
  const log = options.log ?? pino({ level: options.logLevel ?? "warn" }, pino.destination(2));
  const redis = openPatient(options.redisUrl, {
    refused: (trouble) =>
      log.warn({ trouble }, `Redis refuses commands: ${REDIS_TROUBLES[trouble]}; they wait`),
    over: (told, times, ms) =>
      log.warn({ troubles: told, times, ms }, "Redis takes commands again"),
  });
  return {
    id: `${machine}-${process.pid}-${randomBytes(3).toString("hex")}`,
    machine,
    registry,
    log,
    stores: openStores(redis, keys, options.sampleIntervalMs),
    subscriber: openPatient(options.redisUrl),
    learning: options.learning ?? true,
  };
}

/** Ends the connections of a worker process. */
export function closeGround({ stores, subscriber }: Ground): void {
  stores.redis.disconnect();
  subscriber.disconnect();
}

/** The tools that a worker process can call. */
export function openTools(options: StartWorkerOptions, { registry, log }: Ground): BoundTools {
  return bindTools({
    registry,
    handlers: { ...builtInHandlers(options.filesDir), ...options.handlers },
    secret: options.secret ?? noSecrets,
    ...given({ env: options.env, maxRetryAfterMs: options.maxRetryAfterMs }),
    onOtherTerms: (tool, differs) =>
      log.warn(
        { tool, differs },
        `runs were submitted with another declaration of ${tool} (${differs.join(", ")}): their steps are checked by that one`,
      ),
  });
}

/**
 * What the processors of a worker process share.
 *
 * @param onLimits is called when limits of tools may have changed.
 */
export function openEngine(
  options: StartWorkerOptions,
  ground: Ground,
  tools: BoundTools,
  onLimits: () => Promise<void>,
): Engine {
  const { id, machine, registry, log, stores, subscriber } = ground;
  const { redis, keys, gate, runs } = stores;
  const lockDurationMs = options.lockDurationMs ?? LOCK_DURATION_MS;
  const ledger = new Ledger(redis, keys);
  const untested = untestedBullScripts();
  if (untested.length > 0)
    log.warn(
      { scripts: untested },
      "BullMQ is not the tested one: jobs are moved by its own commands",
    );
  const isShared = options.sharedMoves ?? untested.length === 0;
  const active = new ActiveCalls();
  const next = () => {
    const number = active.reserve();
    return { number, holder: `${id}#${number}` };
  };
  // In the strict profile a call is not made before its begin is kept, and a begin has no say before it is.
  const begins = options.durability === "strict" ? undefined : next;
  const moves = isShared ? new JobMoves(ledger, begins) : undefined;
  const clock = new RedisClock(moves?.backend);
  return {
    ...stores,
    creations: new Creations(redis, keys, new FlowTemplates(stores.flows, treeOf)),
    ledger,
    moves,
    durability: new Durability(redis, options.redisUrl, keys.kept, options),
    results: new Results(redis, keys),
    definitions: new Definitions((hash) => runs.definition(hash)),
    maxRunning: options.maxRunning ?? MAX_RUNNING_RUNS,
    tools,
    keeper: new Doorkeeper({
      gate,
      redis,
      subscriber,
      keys,
      machine,
      process: id,
      leaseMs: lockDurationMs,
      capacity: capacityOf(options.strategy ?? DEFAULT_STRATEGY),
      log,
      clock,
      moves,
      ...(ground.learning ? { usage: options.usage ?? new MachineUsage() } : {}),
      onLimits,
    }),
    settlement: new Settlement(registry),
    meter: new Meter(),
    repeats: new Repeats(),
    active,
    suspects: new Suspects(),
    treeOf,
    secret: options.secret ?? noSecrets,
    worker: id,
    lateResultMs: lockDurationMs,
    log: log.child({ worker: id }),
    troubles: new RepeatedLog(log),
    clock,
  };
}

function noSecrets(name: string): never {
  throw new TuttiError(
    "secret_missing",
    `secret ${name} is asked for, and the worker was started without a source of secrets`,
  );
}
