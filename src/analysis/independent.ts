import { compileCondition, compileTemplate, type Json } from "../../config/index.ts";
import type { RunDefinition, StepDefinition } from "../../queues/index.ts";

/** Two steps, of which the second one does not begin before the first has ended. */
export type Pair = readonly [before: string, after: string];

/** An order that could be given up: the pairs of it, and what steps would need then. */
interface Order {
  readonly pairs: readonly Pair[];
  readonly needs: ReadonlyMap<string, readonly string[]>;
}

/** Mode `sequential`: neighbors of which neither needs the other (R118). */
export function sequenceOf({ sequence = [], steps }: RunDefinition): Order {
  const needs = needsOf(steps, (step) => step.needs);
  const reaches = (step: string, other: string, seen = new Set<string>()): boolean => {
    if (seen.has(step)) return false;
    seen.add(step);
    const own = needs.get(step) ?? [];
    return own.includes(other) || own.some((one) => reaches(one, other, seen));
  };
  const pairs = sequence.flatMap((step, index): Pair[] => {
    const next = sequence[index + 1];
    return next === undefined || reaches(next, step) ? [] : [[step, next]];
  });
  return { pairs, needs };
}

/** Steps that need another one of which nothing is in what they are given, decide by or require. */
export function unusedNeedsOf({ steps }: RunDefinition): Order {
  const needs = needsOf(steps, (step) => {
    const used = usedBy(step);
    // Who waits for others, however they end, or for any of them, means the order.
    return used === null || step.join !== "all"
      ? step.needs
      : step.needs.filter((need) => used.has(need));
  });
  const pairs = Object.entries(steps).flatMap(([step, own]) =>
    own.needs.filter((need) => !needs.get(step)?.includes(need)).map((need): Pair => [need, step]),
  );
  return { pairs, needs };
}

function needsOf(
  steps: RunDefinition["steps"],
  of: (step: StepDefinition) => readonly string[],
): Map<string, readonly string[]> {
  return new Map(Object.entries(steps).map(([id, step]) => [id, of(step)]));
}

/** Steps that a step reads or requires; null: it cannot be told. */
function usedBy(step: StepDefinition): ReadonlySet<string> | null {
  const used = new Set<string>();
  const read = (references: { readonly steps: ReadonlySet<string> }): void => {
    for (const id of references.steps) used.add(id);
  };
  try {
    const options = { itemName: step.forEach?.as ?? "item" };
    const scope = step.forEach === undefined ? "step" : "item";
    const template = (value: Json): void => read(compileTemplate(value, scope, options));
    const condition = (text: string): void => read(compileCondition(text, "result"));
    template(step.with);
    for (const { with: input } of step.fallback?.tools ?? [])
      if (input !== undefined) template(input);
    if (step.when !== undefined) condition(step.when);
    if (step.forEach !== undefined) condition(step.forEach.items);
    if (step.wait !== undefined) return null;
    for (const { check, by = [] } of step.preconditions ?? []) {
      if (check !== undefined) condition(check);
      for (const id of by) used.add(id);
    }
    return used;
  } catch {
    return null;
  }
}

interface Timed {
  readonly eligibleMs: number;
  readonly waitMs: number;
  readonly runMs: number;
}

/** When a run would have ended with other needs, each step waiting and running as long as it did. */
export function endWith(
  ended: ReadonlyMap<string, Timed>,
  needs: ReadonlyMap<string, readonly string[]>,
): number {
  const ends = new Map<string, number>();
  const fromMs = Math.min(...[...ended.values()].map(({ eligibleMs }) => eligibleMs));
  const endOf = (step: string): number => {
    const known = ends.get(step);
    if (known !== undefined) return known;
    const own = ended.get(step);
    const beginMs = Math.max(fromMs, ...(needs.get(step) ?? []).map((need) => endOf(need)));
    const endMs = beginMs + (own === undefined ? 0 : own.waitMs + own.runMs);
    ends.set(step, endMs);
    return endMs;
  };
  return Math.max(0, ...[...ended.keys()].map((step) => endOf(step)));
}
