import {
  PASS_MS,
  RETAIN_FAILED_MS,
  RETAIN_MS,
  RETAIN_RUNS,
  type ToolSpec,
  given,
} from "../../config/index.ts";
import {
  Duties,
  Learner,
  Sampler,
  ServiceLevel,
  Starters,
  Workers,
  type Engine,
} from "../../processors/index.ts";
import { SAMPLE_MS } from "../../queues/client.ts";
import { Canaries, DutyStates } from "../../queues/index.ts";
import { announceAlerts } from "../optimizer/service/announce.ts";
import { Optimizer } from "../optimizer/service/optimizer.ts";
import type { Ground } from "./engine.ts";
import type { StartWorkerOptions } from "./options.ts";

/** What works in a worker process, on its own or for its deployment. */
export interface Services {
  readonly workers: Workers;
  readonly starters: Starters;
  readonly sampler: Sampler;
  readonly optimizer: Optimizer;
  readonly duties: Duties;
}

/** Makes the services of a worker process; nothing works before it is started. */
export function openServices(
  options: StartWorkerOptions,
  ground: Ground,
  engine: Engine,
  served: readonly ToolSpec[],
): Services {
  const { id, machine, log, stores, subscriber } = ground;
  const { redis, keys, gate, samples } = stores;
  const { lockDurationMs, controlLockDurationMs } = options;
  const at = { connection: redis, prefix: keys.prefix };
  const optimizeIntervalMs = options.optimizeIntervalMs ?? PASS_MS;
  const locks = lockDurationMs === undefined ? {} : { lockDurationMs };
  const optimizer = new Optimizer({
    ...stores,
    intervalMs: optimizeIntervalMs,
    announce: announceAlerts({ ...engine, triggers: stores.triggers }, engine.log),
  });
  return {
    optimizer,
    sampler: new Sampler({
      samples,
      meter: engine.meter,
      machine,
      process: id,
      intervalMs: options.sampleIntervalMs ?? SAMPLE_MS,
      log,
    }),
    workers: new Workers(engine, {
      ...at,
      ...locks,
      subscriber,
      tools: served,
      ...given({ controlLockDurationMs }),
    }),
    starters: new Starters(engine, {
      ...at,
      schedules: stores.schedules,
      triggers: stores.triggers,
      ...given({ lockDurationMs: controlLockDurationMs }),
    }),
    duties: new Duties(engine, {
      ...at,
      ...locks,
      states: new DutyStates(redis, keys),
      retention: {
        runs: options.retainRuns ?? RETAIN_RUNS,
        ms: options.retainMs ?? RETAIN_MS,
        failedMs: options.retainFailedMs ?? RETAIN_FAILED_MS,
      },
      optimizeIntervalMs,
      presence: stores.presence,
      level: new ServiceLevel(redis, keys, gate),
      ...(ground.learning ? { learner: new Learner(redis, keys, gate) } : {}),
      ...(options.optimizer === false ? {} : { optimizer }),
      canaries: new Canaries(redis, keys),
      ...given({
        canary: options.canary,
        canaryIntervalMs: options.canaryIntervalMs,
        sweepIntervalMs: options.sweepIntervalMs,
      }),
    }),
  };
}
