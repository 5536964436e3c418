import type { ToolLimits } from "../../queues/client.ts";
import type { BudgetLimits, GatedLimits } from "../../queues/index.ts";

/** A tool of the bench: what a call takes and how long it sleeps. */
export interface BenchTool {
  readonly id: string;
  readonly limits: GatedLimits;
  readonly sleepMs: number;
}

export const MILLION = 1_000_000;

/** The same numbers for the same seed, from 0 to 1. */
export function randomFrom(seed: number): () => number {
  let state = (seed >>> 0) + 1;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

/** Tools with mixed vectors: cpu .05-.35, memory .05-.25, a third of them with network; calls of 20-80 ms. */
export function mixedTools(count: number, seed: number): readonly BenchTool[] {
  const random = randomFrom(seed);
  const share = (from: number, to: number) => Math.round(MILLION * (from + (to - from) * random()));
  return Array.from({ length: count }, (_, index) => ({
    id: `bench.t${index}`,
    limits: limitsOf({
      cpu: share(0.05, 0.35),
      memory: share(0.05, 0.25),
      ...(index % 3 === 0 ? { network: share(0.05, 0.3) } : {}),
    }),
    sleepMs: 20 + Math.round(60 * random()),
  }));
}

export function limitsOf(
  needs: Readonly<Record<string, number>>,
  budgets: ToolLimits["budgets"] = [],
): ToolLimits {
  return { needs, budgets, upstream: "bench", importance: 1 };
}

/** What fits one machine by the largest share: what the product gives a tool's worker. */
export function concurrencyOf({ limits }: BenchTool): number {
  const largest = Math.max(0, ...Object.values(limits.needs));
  return largest === 0 ? 50 : Math.max(1, Math.floor(MILLION / largest));
}

/** Budgets that nobody ever waits for: what is measured is what it costs to ask. */
export const WIDE_BUDGETS: Readonly<Record<string, BudgetLimits>> = Object.fromEntries(
  ["b0", "b1", "b2", "b3"].map((name) => [
    name,
    { slots: MILLION, rates: [[MILLION, 1_000] as const] },
  ]),
);

/** A tool with a small need and so many budgets. */
export function budgetTool(budgets: number): BenchTool {
  const taken = Array.from({ length: budgets }, (_, index) => [`b${index}`, 1, 1] as const);
  return { id: `bench.budgets${budgets}`, limits: limitsOf({ cpu: 10_000 }, taken), sleepMs: 0 };
}

/** A tool without needs, budgets and limits. */
export const FREE_TOOL: BenchTool = { id: "bench.free", limits: limitsOf({}), sleepMs: 0 };
