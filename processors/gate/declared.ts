import { STRATEGIES, type Strategy, type ToolRegistry } from "../../config/index.ts";
import {
  compileBudget,
  compileLimits,
  MACHINE_UNITS,
  type BudgetLimits,
  type GatedLimits,
} from "../../queues/index.ts";

/** The limits of the tools and budgets that a process knows. */
export interface DeclaredLimits {
  readonly tools: Readonly<Record<string, GatedLimits>>;
  readonly budgets: Readonly<Record<string, BudgetLimits>>;
}

/** Calls at once of a service of which nothing is known yet; it grows as long as they stay fast. */
const START_CAP = 4;
/** Bindings behind which there is somebody else's service. */
const EXTERNAL: ReadonlySet<string | undefined> = new Set(["http", "mcp"]);

/**
 * What a catalogue declares, as the gate reads it.
 *
 * @param learning How many calls at once a service of others takes is learned: its calls are counted.
 */
export function declaredLimits(registry: ToolRegistry, learning: boolean): DeclaredLimits {
  const tools: Record<string, GatedLimits> = {};
  const budgets: Record<string, BudgetLimits> = {};
  for (const [name, spec] of Object.entries(registry.budgets()))
    budgets[name] = compileBudget(spec);
  for (const { spec } of registry.list()) {
    const { limits, own } = compileLimits(spec);
    tools[spec.id] = {
      ...limits,
      ...(spec.performance === undefined ? {} : { serviceMs: spec.performance.responseTimeMs }),
      ...(learning && EXTERNAL.has(spec.binding?.type) ? { external: true, cap: START_CAP } : {}),
    };
    if (own !== undefined) budgets[`tool:${spec.id}`] = own;
  }
  return { tools, budgets };
}

/** What a machine offers under a strategy, in millionths by resource; `*` for those without a word of their own, -1 for no bound. */
export function capacityOf(strategy: Strategy): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(STRATEGIES[strategy]).map(([resource, factor]) => [
      resource,
      factor === null ? -1 : Math.round(factor * MACHINE_UNITS),
    ]),
  );
}
