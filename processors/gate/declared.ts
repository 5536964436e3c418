import { STRATEGIES, type Strategy, type ToolRegistry } from "../../config/index.ts";
import {
  compileBudget,
  compileLimits,
  MACHINE_UNITS,
  type BudgetLimits,
  type GateChanges,
  type GatedLimits,
} from "../../queues/index.ts";
import { startCapOf } from "../learning/knee.ts";

/** Bindings behind which there is somebody else's service. */
const EXTERNAL: ReadonlySet<string | undefined> = new Set(["http", "mcp"]);

/**
 * What a catalogue declares, as the gate reads it.
 *
 * @param learning How many calls at once a service of others takes is learned: its calls are counted. False:
 * what was learned before of anything holds no more.
 */
export function declaredLimits(registry: ToolRegistry, learning: boolean): GateChanges {
  const tools: Record<string, { declared: GatedLimits }> = {};
  const budgets: Record<string, { declared: BudgetLimits | false }> = {};
  for (const [name, spec] of Object.entries(registry.budgets()))
    budgets[name] = { declared: compileBudget(spec) };
  for (const { spec } of registry.list()) {
    const { limits, own } = compileLimits(spec);
    const declared = {
      ...limits,
      ...(spec.performance === undefined ? {} : { serviceMs: spec.performance.responseTimeMs }),
      ...(learning && EXTERNAL.has(spec.binding?.type)
        ? { external: true, cap: startCapOf(own?.slots) }
        : {}),
    };
    tools[spec.id] = { declared };
    // A tool may have had limits before, under an older catalogue.
    budgets[`tool:${spec.id}`] = { declared: own ?? false };
  }
  return { tools, budgets, ...(learning ? {} : { forget: true }) };
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
