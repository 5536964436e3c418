import type { ToolRegistry } from "../../../config/index.ts";
import { withDeadlines, type Deadlines } from "../../deadlines.ts";
import type { Stores } from "../../stores.ts";
import { OptimizerDoor, type AskedOptimizer } from "./door.ts";
import { Optimizer } from "./optimizer.ts";

/** The door to the optimizer of a client's deployment. */
export function openOptimizer(
  stores: Stores,
  registry: ToolRegistry,
  deadlines: Deadlines,
): OptimizerDoor {
  const optimizer: AskedOptimizer = new Optimizer(stores);
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
