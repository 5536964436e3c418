import type { Redis } from "ioredis";

import type { ToolRegistry } from "../../../config/index.ts";
import {
  Samples,
  showLimits,
  type Gate,
  type Keys,
  type ToolQueues,
} from "../../../queues/index.ts";
import { withDeadlines, type Deadlines } from "../../deadlines.ts";
import { OptimizerDoor, type AskedOptimizer } from "./door.ts";
import { Optimizer } from "./optimizer.ts";

/** The door to the optimizer of a client's deployment. */
export function openOptimizer(client: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly gate: Gate;
  readonly queues: ToolQueues;
  readonly tools: ToolRegistry;
  readonly deadlines: Deadlines;
}): OptimizerDoor {
  const { redis, keys, gate, queues, tools: registry, deadlines } = client;
  const samples = new Samples(redis, keys, gate);
  const show = (ids: readonly string[]) => showLimits(redis, keys, queues, ids);
  const optimizer: AskedOptimizer = new Optimizer({ redis, keys, samples, gate, show });
  return new OptimizerDoor({
    optimizer: withDeadlines(optimizer, deadlines, {
      report: "soon",
      history: "soon",
      record: "soon",
      planFacts: "soon",
      ask: "kept",
      rollBack: "kept",
    }),
    registry,
  });
}
