import type { Dependencies } from "../graph/dag.ts";
import type { Step } from "./schema.ts";

/** `${{ steps.a.output }}`, written out or bare, and nothing else. */
const WHOLE_OUTPUT = /^\s*(?:\$\{\{)?\s*steps\.([A-Za-z0-9_-]+)\.output\s*(?:\}\})?\s*$/;

/**
 * Which forEach steps can take the items of another one as they come: position of the stage ->
 * position of the one before it. A stage can when its list is the output of that step, it has no
 * condition of its own, and everything else that it needs has completed when the first stage begins. One
 * stage takes the items of another; further ones wait for the whole list, as in mode `parallel`.
 */
export function streamedStages(
  steps: readonly Step[],
  dependencies: Dependencies,
  order: readonly number[],
): ReadonlyMap<number, number> {
  const positions = new Map(steps.map((step, index) => [step.id, index]));
  const heads = new Map<number, number>();
  const streams = new Map<number, number>();
  const taken = new Set<number>();
  for (const index of order) {
    const step = steps[index]!;
    if (step.forEach === undefined) continue;
    heads.set(index, index);
    const before = positions.get(WHOLE_OUTPUT.exec(step.forEach)?.[1] ?? "");
    if (before === undefined || steps[before]?.forEach === undefined || taken.has(before)) continue;
    const own = step.when !== undefined || step.join !== "all" || step.preconditions !== undefined;
    if (own || step.maxParallel !== undefined) continue;
    const head = heads.get(before)!;
    const there = completedBefore(steps, dependencies, head);
    if (!dependencies[index]!.every((on) => on === before || there.has(on))) continue;
    streams.set(index, before);
    taken.add(before);
    heads.set(index, head);
  }
  return streams;
}

/** Steps that have completed, or may fail, when `node` begins; a join that runs whatever happened tells nothing. */
function completedBefore(
  steps: readonly Step[],
  dependencies: Dependencies,
  node: number,
): ReadonlySet<number> {
  const found = new Set<number>();
  const open = [node];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (steps[next]!.join !== "all") continue;
    for (const on of dependencies[next]!) {
      if (found.has(on)) continue;
      found.add(on);
      if (!steps[on]!.optional) open.push(on);
    }
  }
  return found;
}
