import type { Redis } from "ioredis";

import { isLane, toolOfQueue, type Keys } from "../names.ts";
import { EVENTS_KEPT } from "../tools/lanes.ts";
import type { ToolQueues } from "../tools/tool-queues.ts";
import { ownBudget } from "./stored/budget-names.ts";
import { decodeBudget, decodeTool, type BudgetLimits, type GatedLimits } from "./stored/limits.ts";
import { fitting, wholeMachine } from "./stored/machines.ts";

/** The limits that Bull Board shows for a queue and that workers without a gate obey. */
export interface ShownLimits {
  readonly concurrency?: number;
  readonly rate?: { readonly max: number; readonly durationMs: number };
}

/**
 * The limits a queue shows for its tool. Concurrency is the number of calls that fit all machines by their largest
 * share, up to the tool's own limit. Of several windows it shows the one with the lowest long-term rate. It is never
 * tighter than the gate, which decides.
 */
export function shownLimits(
  { needs }: Pick<GatedLimits, "needs">,
  own: BudgetLimits | undefined,
  machines: number,
): ShownLimits {
  const fit = Math.max(1, fitting(needs, wholeMachine)) * Math.max(1, machines);
  const concurrency = Math.min(fit, own?.slots ?? Number.POSITIVE_INFINITY);
  const tightest = (own?.rates ?? []).toSorted((a, b) => a[0] / a[1] - b[0] / b[1])[0];
  return {
    ...(Number.isFinite(concurrency) ? { concurrency } : {}),
    ...(tightest === undefined ? {} : { rate: { max: tightest[0], durationMs: tightest[1] } }),
  };
}

/** What two budgets allow together. */
function both(a: BudgetLimits = {}, b: BudgetLimits = {}): BudgetLimits {
  const slots = Math.min(a.slots ?? Infinity, b.slots ?? Infinity);
  return {
    ...(Number.isFinite(slots) ? { slots } : {}),
    rates: [...(a.rates ?? []), ...(b.rates ?? [])],
  };
}

/** Writes the current limits to these queues of tools or lanes, for people and other workers to see. */
export async function showLimits(
  redis: Redis,
  keys: Keys,
  queues: ToolQueues,
  names: readonly string[],
): Promise<void> {
  if (names.length === 0) return;
  const tools = names.map(toolOfQueue);
  const [limits, budgets, machines] = await Promise.all([
    redis.hmget(`${keys.gate}.tools`, ...tools),
    redis.hmget(`${keys.gate}.budgets`, ...tools.map(ownBudget)),
    redis.scard(`${keys.gate}.machines`),
  ]);
  await Promise.all(
    names.map(async (name, index) => {
      const queue = queues.get(name);
      // Gated workers read the queue's settings from here, not from the shown ones.
      await redis.hsetnx(queue.toKey("meta:gated"), "opts.maxLenEvents", EVENTS_KEPT);
      const { needs = {}, budgets: used = [], perKey } = decodeTool(limits[index] ?? "{}");
      const text = used.some(([budget]) => budget === ownBudget(tools[index]!)) && budgets[index];
      const own = both(text ? decodeBudget(text) : undefined, isLane(name) ? perKey : undefined);
      const { concurrency, rate } = shownLimits({ needs }, own, machines);
      await (concurrency === undefined
        ? queue.removeGlobalConcurrency()
        : queue.setGlobalConcurrency(concurrency));
      await (rate === undefined
        ? queue.removeGlobalRateLimit()
        : queue.setGlobalRateLimit(rate.max, rate.durationMs));
    }),
  );
  // A lane may have been dropped meanwhile.
  await queues.lanes.tidy(names);
}
