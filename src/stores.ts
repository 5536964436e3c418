import type { Redis } from "ioredis";

import { Flows, Runs, Waits, WorkflowRegistry } from "../queues/client.ts";
import {
  Gate,
  Items,
  type Keys,
  Presence,
  Samples,
  Schedules,
  showLimits,
  ToolQueues,
  Triggers,
  Values,
} from "../queues/index.ts";

/** What a deployment keeps in Redis, as clients and workers read and write it: opened once for each of them. */
export type Stores = ReturnType<typeof openStores>;

/**
 * Opens the stores of a deployment on one connection.
 *
 * @param sampleIntervalMs how often samples are taken, for those who take them. Milliseconds. Default: 1,000.
 */
export function openStores(redis: Redis, keys: Keys, sampleIntervalMs?: number) {
  const queues = new ToolQueues(redis, keys.prefix);
  const gate = new Gate(redis, keys);
  const presence = new Presence(redis, keys);
  return {
    redis,
    keys,
    runs: new Runs(redis, keys),
    values: new Values(redis, keys),
    items: new Items(redis, keys),
    waits: new Waits(redis, keys),
    registry: new WorkflowRegistry(redis, keys),
    schedules: new Schedules(redis, keys),
    triggers: new Triggers(redis, keys),
    queues,
    flows: new Flows(redis, queues, keys.prefix),
    gate,
    presence,
    samples: new Samples(redis, keys, { gate, presence, intervalMs: sampleIntervalMs }),
    /** Lets Bull Board, and workers without a gate, go by the limits of tools as they are now. */
    show: (tools: readonly string[]): Promise<void> => showLimits(redis, keys, queues, tools),
  };
}
