import { STRATEGIES, type Strategy, type ToolRegistry } from "../../config/index.ts";
import {
  compileBudget,
  compileLimits,
  MACHINE_UNITS,
  type BudgetLimits,
  type ToolLimits,
} from "../../queues/index.ts";

/** The limits of the tools and budgets that a process knows. */
export interface DeclaredLimits {
  readonly tools: Readonly<Record<string, ToolLimits>>;
  readonly budgets: Readonly<Record<string, BudgetLimits>>;
}

/** What a catalogue declares, as the gate reads it. */
export function declaredLimits(registry: ToolRegistry): DeclaredLimits {
  const tools: Record<string, ToolLimits> = {};
  const budgets: Record<string, BudgetLimits> = {};
  for (const [name, spec] of Object.entries(registry.budgets()))
    budgets[name] = compileBudget(spec);
  for (const { spec } of registry.list()) {
    const { limits, own } = compileLimits(spec);
    tools[spec.id] = limits;
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
