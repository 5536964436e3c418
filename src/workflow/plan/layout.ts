import { queueOf, type ReopenedSteps } from "../../../queues/client.ts";
import { startsEarly, type RunDefinition } from "../../../queues/index.ts";
import {
  dependentsOf,
  givenOrder,
  topologicalOrder,
  transitiveReduction,
  type Dependencies,
} from "../graph/dag.ts";

/**
 * A job of the tree, without the ids of a run. BullMQ's flows are trees, a workflow is any DAG, so: every step is a
 * child of one of its dependents, and linked to the others, which wait for it as they do for their children. A step that
 * starts with the first of its dependencies (`any`) has no children, only links. What nobody needs stands under the run,
 * which has a job where there are several of these, or where its end takes more than the ends of its steps.
 */
export type LaidJob = { readonly parent: number } & (
  | { readonly kind: "run" }
  | {
      readonly kind: "step";
      readonly stepId: string;
      readonly queue: string;
      /** Who waits for it beside its parent. */
      readonly links: readonly string[];
    }
);

/** The tree in preorder: the root first, parents before their children. */
export type Layout = readonly LaidJob[];

interface Graph {
  readonly ids: readonly string[];
  /** The queue of each step. */
  readonly queues: readonly string[];
  /** What each step waits for with all of it. */
  readonly dependencies: Dependencies;
  /** For each step the `any` steps that its end may start. */
  readonly mayStart: readonly (readonly number[])[];
}

function graphOf(definition: RunDefinition, reopened: ReopenedSteps | undefined): Graph {
  const all = definition.sequence ?? Object.keys(definition.steps);
  const ids = reopened === undefined ? all : all.filter((id) => reopened.steps.has(id));
  const steps = ids.map((id) => definition.steps[id]!);
  const positions = new Map(ids.map((id, index) => [id, index]));
  // What is not laid out has ended before.
  const needs = steps.map(({ needs: on }) =>
    on.map((need) => positions.get(need)).filter((need) => need !== undefined),
  );
  const mayStart: number[][] = ids.map(() => []);
  for (const [index, on] of needs.entries())
    if (startsEarly(definition, ids[index]!) && reopened?.free.has(ids[index]!) !== true)
      for (const need of on) mayStart[need]!.push(index);
  return {
    ids,
    queues: steps.map((step) => queueOf(step)),
    dependencies: needs.map((on, index) => (startsEarly(definition, ids[index]!) ? [] : on)),
    mayStart,
  };
}

/** Mode `sequential`: edges that only order. They carry no failure, so the definition does not know them. */
function oneAfterAnother(dependencies: Dependencies, order: readonly number[]): number[][] {
  const ordered = dependencies.map((on) => [...on]);
  for (let at = 1; at < order.length; at++) {
    const on = ordered[order[at]!]!;
    if (!on.includes(order[at - 1]!)) on.push(order[at - 1]!);
  }
  return ordered;
}

/**
 * Lays a workflow out as one tree, or the steps of it that are reopened. The same definition gives the
 * same tree.
 */
export function layOut(definition: RunDefinition, reopened?: ReopenedSteps): Layout {
  const graph = graphOf(definition, reopened);
  const { sequence } = definition;
  const ordered =
    sequence === undefined
      ? graph.dependencies
      : oneAfterAnother(graph.dependencies, givenOrder(graph.dependencies));
  const order = topologicalOrder(ordered)!;
  const dependencies = transitiveReduction(ordered, order);
  const dependents = dependentsOf(dependencies);
  const parents = chooseParents(dependents, order);
  const computes = definition.output !== undefined || definition.success.length > 0;
  return emit(graph, dependencies, dependents, parents, computes);
}

/** For each step the dependent it becomes a child of, -1 for the root: the one that keeps the tree shallow. */
function chooseParents(
  dependents: readonly (readonly number[])[],
  order: readonly number[],
): number[] {
  const parents: number[] = Array.from({ length: dependents.length }, () => -1);
  const depth = new Uint32Array(dependents.length);
  for (const node of order.toReversed()) {
    let above = 0;
    for (const dependent of dependents[node]!) {
      if (parents[node] !== -1 && depth[dependent]! >= above) continue;
      parents[node] = dependent;
      above = depth[dependent]!;
    }
    depth[node] = above + 1;
  }
  return parents;
}

function emit(
  { ids, queues, mayStart }: Graph,
  dependencies: Dependencies,
  dependents: readonly (readonly number[])[],
  parents: readonly number[],
  computes: boolean,
): Layout {
  const tops = parents.filter((parent) => parent === -1).length;
  const layout: LaidJob[] = tops === 1 && !computes ? [] : [{ kind: "run", parent: -1 }];
  const root = layout.length - 1;
  // A stack instead of recursion: a chain of ten thousand steps is as deep.
  const stack: { node: number; parent: number }[] = [];
  for (let node = ids.length - 1; node >= 0; node--)
    if (parents[node] === -1) stack.push({ node, parent: root });
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node, parent } = next;
    const linked = dependents[node]!.filter((dependent) => dependent !== parents[node]);
    const links = [...linked, ...mayStart[node]!].map((dependent) => ids[dependent]!);
    layout.push({ kind: "step", stepId: ids[node]!, queue: queues[node]!, links, parent });
    const own = layout.length - 1;
    for (const dependency of dependencies[node]!.toReversed())
      if (parents[dependency] === node) stack.push({ node: dependency, parent: own });
  }
  return layout;
}
