import { compileCondition, compileTemplate, type Json } from "../../../config/index.ts";
import type { RunDefinition, StepDefinition } from "../../../queues/index.ts";
import { namesInOrder } from "../../workflow/graph/dag.ts";

/** Two steps, of which the second one does not begin before the first has ended. */
export type Pair = readonly [before: string, after: string];

/** What each step needs, by id. */
type Needs = ReadonlyMap<string, readonly string[]>;

/** An order that could be given up: the pairs of it, and what steps need with it and without. */
interface Order {
  readonly pairs: readonly Pair[];
  readonly before: Needs;
  readonly after: Needs;
}

/** Pairs that are told at most. */
const MOST_PAIRS = 20;

/** Mode `sequential`: neighbors of which neither needs the other. */
export function sequenceOf(definition: RunDefinition): Order {
  const { sequence = [], steps } = definition;
  const pairs = sequence.flatMap((step, index): Pair[] => {
    const next = sequence[index + 1];
    // What stands between a step and its neighbor is nothing: it needs it itself, or not at all.
    return next === undefined || steps[next]?.needs.includes(step) ? [] : [[step, next]];
  });
  const after = needsOf(steps, (_, step) => step.needs);
  return { pairs: pairs.slice(0, MOST_PAIRS), before: withTurns(definition, after), after };
}

/** Steps that need another one of which nothing is in what they are given, decide by or require. */
export function unusedNeedsOf(definition: RunDefinition): Order {
  const { steps } = definition;
  const used = needsOf(steps, (_, step) => {
    const read = usedBy(step);
    // Who waits for others, however they end, or for any of them, means the order.
    return read === null || step.join !== "all"
      ? step.needs
      : step.needs.filter((need) => read.has(need));
  });
  const pairs = Object.entries(steps).flatMap(([step, own]) =>
    own.needs.filter((need) => !used.get(step)?.includes(need)).map((need): Pair => [need, step]),
  );
  return {
    pairs: pairs.slice(0, MOST_PAIRS),
    before: withTurns(
      definition,
      needsOf(steps, (_, step) => step.needs),
    ),
    after: withTurns(definition, used),
  };
}

function needsOf(
  steps: RunDefinition["steps"],
  of: (id: string, step: StepDefinition) => readonly string[],
): Map<string, readonly string[]> {
  return new Map(Object.entries(steps).map(([id, step]) => [id, of(id, step)]));
}

/** Mode `sequential`: each step waits for the one before it, too. */
function withTurns({ sequence = [] }: RunDefinition, needs: Needs): Needs {
  const all = new Map(needs);
  for (const [index, step] of sequence.entries()) {
    const before = sequence[index - 1];
    if (before !== undefined) all.set(step, [...(all.get(step) ?? []), before]);
  }
  return all;
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
    for (const { check } of step.postconditions ?? [])
      if (check !== undefined) read(compileCondition(check, "check"));
    return used;
  } catch {
    return null;
  }
}

interface Timed {
  readonly waitMs: number;
  readonly runMs: number;
}

/** How much sooner a run would have ended without an order, each step waiting and running as long as it did. Milliseconds. */
export function savedBy(ended: ReadonlyMap<string, Timed>, { before, after }: Order): number {
  return endWith(ended, before) - endWith(ended, after);
}

function endWith(ended: ReadonlyMap<string, Timed>, needs: Needs): number {
  const ends = new Map<string, number>();
  let latest = 0;
  for (const step of namesInOrder(needs)) {
    const own = ended.get(step);
    const begin = (needs.get(step) ?? []).reduce(
      (ms, need) => Math.max(ms, ends.get(need) ?? 0),
      0,
    );
    const end = begin + (own === undefined ? 0 : own.waitMs + own.runMs);
    ends.set(step, end);
    latest = Math.max(latest, end);
  }
  return latest;
}
