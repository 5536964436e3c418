import type { Redis } from "ioredis";

import type { ToolRegistry } from "../../../config/index.ts";
import {
  Samples,
  showLimits,
  type Gate,
  type Keys,
  type ToolQueues,
} from "../../../queues/index.ts";
import { OptimizerDoor } from "./door.ts";
import { Optimizer } from "./optimizer.ts";

/** The door to the optimizer of a client's deployment. */
export function openOptimizer(client: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly gate: Gate;
  readonly queues: ToolQueues;
  readonly tools: ToolRegistry;
  /** Waits for Redis no longer than the client does. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
  /** The same for what somebody is told is done: until it is kept. */
  readonly kept: <T>(work: () => Promise<T>) => Promise<T>;
}): OptimizerDoor {
  const { redis, keys, gate, queues, tools: registry, soon, kept } = client;
  const samples = new Samples(redis, keys, gate);
  return new OptimizerDoor({
    optimizer: new Optimizer({
      redis,
      keys,
      samples,
      gate,
      show: (ids) => showLimits(redis, keys, queues, ids),
    }),
    registry,
    soon,
    kept,
  });
}
