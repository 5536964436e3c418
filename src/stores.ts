import type { Redis } from "ioredis";

import { DEFAULT_PREFIX } from "../config/index.ts";
import { Flows, Runs, Waits, WorkflowRegistry } from "../queues/client.ts";
import { Gate, Items, Keys, Presence, Samples, ToolQueues, Values } from "../queues/index.ts";

/** What a deployment keeps in Redis, as clients and workers read and write it. Each is opened once in a process. */
export type Stores = ReturnType<typeof openStores>;

/**
 * Opens the stores of a deployment on one connection.
 *
 * @param sampleIntervalMs how often samples are taken. Milliseconds. Default: as they are read.
 */
export function openStores(redis: Redis, prefix = DEFAULT_PREFIX, sampleIntervalMs?: number) {
  const keys = new Keys(prefix);
  const queues = new ToolQueues(redis, prefix);
  const gate = new Gate(redis, keys);
  return {
    redis,
    keys,
    runs: new Runs(redis, keys),
    values: new Values(redis, keys),
    items: new Items(redis, keys),
    waits: new Waits(redis, keys),
    registry: new WorkflowRegistry(redis, keys),
    queues,
    flows: new Flows(redis, queues, prefix),
    gate,
    presence: new Presence(redis, keys),
    samples: new Samples(redis, keys, gate, sampleIntervalMs),
  };
}
