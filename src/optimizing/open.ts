import type { Redis } from "ioredis";

import type { ToolRegistry } from "../../config/index.ts";
import { Samples, type Gate, type Keys } from "../../queues/index.ts";
import { OptimizerDoor } from "./door.ts";
import { Optimizer } from "./optimizer.ts";

/** The door to the optimizer of a client's deployment. */
export function openOptimizer(client: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly gate: Gate;
  readonly tools: ToolRegistry;
  /** Waits for Redis no longer than the client does. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
}): OptimizerDoor {
  const { redis, keys, gate, tools: registry, soon } = client;
  const samples = new Samples(redis, keys, gate);
  return new OptimizerDoor({
    optimizer: new Optimizer(redis, keys, samples, gate),
    registry,
    soon,
  });
}
