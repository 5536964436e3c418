import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Keys } from "../names.ts";
import type { ToolQueues } from "../tool-queues.ts";
import type { GatedLimits } from "./gate.ts";
import { MACHINE_UNITS, type BudgetLimits } from "./limits.ts";

/** The limits of a queue that Bull Board shows, and that workers without a gate go by. */
export interface ShownLimits {
  readonly concurrency?: number;
  readonly rate?: { readonly max: number; readonly durationMs: number };
}

/**
 * What a queue shows of the limits of its tool (R86): as many calls as fit all machines by the largest share,
 * and no more than the tool's own limit; of several windows the one that lets the fewest through in the
 * long run. Never tighter than the gate, which decides.
 */
export function shownLimits(
  { needs }: Pick<GatedLimits, "needs">,
  own: BudgetLimits | undefined,
  machines: number,
): ShownLimits {
  const largest = Math.max(0, ...Object.values(needs));
  const fit =
    largest > 0
      ? Math.max(1, Math.floor(MACHINE_UNITS / largest)) * Math.max(1, machines)
      : Number.POSITIVE_INFINITY;
  const concurrency = Math.min(fit, own?.slots ?? Number.POSITIVE_INFINITY);
  const tightest = (own?.rates ?? []).toSorted((a, b) => a[0] / a[1] - b[0] / b[1])[0];
  return {
    ...(Number.isFinite(concurrency) ? { concurrency } : {}),
    ...(tightest === undefined ? {} : { rate: { max: tightest[0], durationMs: tightest[1] } }),
  };
}

/** Writes the limits that stand now to the queues of these tools, for people and other workers to see. */
export async function showLimits(
  redis: Redis,
  keys: Keys,
  queues: ToolQueues,
  tools: readonly string[],
): Promise<void> {
  if (tools.length === 0) return;
  const [limits, budgets, machines] = await Promise.all([
    redis.hmget(`${keys.gate}.tools`, ...tools),
    redis.hmget(`${keys.gate}.budgets`, ...tools.map((tool) => `tool:${tool}`)),
    redis.scard(`${keys.gate}.machines`),
  ]);
  await Promise.all(
    tools.map(async (tool, index) => {
      const queue = queues.get(tool);
      const { needs = {}, budgets: used = [] } = readJson<Partial<GatedLimits>>(
        limits[index] ?? "{}",
      );
      const text = Object.values(used).some(([name]) => name === `tool:${tool}`)
        ? budgets[index]
        : null;
      const own = text ? readJson<BudgetLimits>(text) : undefined;
      const { concurrency, rate } = shownLimits({ needs }, own, machines);
      await (concurrency === undefined
        ? queue.removeGlobalConcurrency()
        : queue.setGlobalConcurrency(concurrency));
      await (rate === undefined
        ? queue.removeGlobalRateLimit()
        : queue.setGlobalRateLimit(rate.max, rate.durationMs));
    }),
  );
}
