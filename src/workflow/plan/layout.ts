import { queueOf, type ReopenedSteps } from "../../../queues/client.ts";
import { type RunDefinition } from "../../../queues/index.ts";
import {
  dependentsOf,
  givenOrder,
  topologicalOrder,
  transitiveReduction,
  type Dependencies,
} from "../graph/dag.ts";

/**
 * A job of the tree, without the ids of a run. BullMQ's flows are trees, a workflow is any DAG, so:
 * every step is a child of one of its dependents; a step with several dependents stands under a
 * `fork`, and each dependent that is not its parent holds an `edge`, a job that waits until the fork
 * releases it. A `join` is a fork without a step of its own: many steps that wait for the same many.
 * A step that starts with the first of its dependencies (`any`) holds one `token`, and each of them
 * stands under a fork that knows whom it `wakes`.
 */
export type LaidJob = { readonly parent: number } & (
  | { readonly kind: "run" }
  | { readonly kind: "step"; readonly stepId: string; readonly queue: string }
  | { readonly kind: "token"; readonly stepId: string }
  /** `label` names the node whose end releases the edges to `releases`. */
  | {
      readonly kind: "fork";
      readonly label: string;
      readonly releases: readonly string[];
      readonly wakes: readonly string[];
    }
  | { readonly kind: "edge"; readonly from: string; readonly to: string }
);

/** The tree in preorder: the root first, parents before their children. */
export type Layout = readonly LaidJob[];

interface Graph {
  readonly ids: readonly string[];
  /** The queue of each step. */
  readonly queues: readonly string[];
  readonly joins: readonly string[];
  /** What each step waits for in the tree. */
  readonly dependencies: Dependencies;
  /** For each step the `any` steps that its end may start. */
  readonly wakes: readonly (readonly number[])[];
  /** Which steps wait for a token. */
  readonly tokens: readonly boolean[];
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
  // One after another in a given order, an `any` step comes behind all of its dependencies anyway.
  const startsEarly = steps.map(({ join }) => join === "any" && definition.sequence === undefined);
  const tokens = ids.map(
    (id, index) =>
      startsEarly[index] === true && needs[index]!.length > 0 && reopened?.free.has(id) !== true,
  );
  const wakes: number[][] = ids.map(() => []);
  for (const [index, on] of needs.entries())
    if (tokens[index] === true) for (const need of on) wakes[need]!.push(index);
  return {
    ids,
    queues: steps.map((step) => queueOf(step)),
    joins: steps.map((step) => step.join),
    dependencies: needs.map((on, index) => (startsEarly[index] === true ? [] : on)),
    wakes,
    tokens,
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
  const sorted = topologicalOrder(graph.dependencies)!;
  const ordered =
    definition.sequence === undefined
      ? graph.dependencies
      : oneAfterAnother(graph.dependencies, givenOrder(graph.dependencies));
  const order = definition.sequence === undefined ? sorted : topologicalOrder(ordered)!;
  const { dependencies, labels } = mergeJoins(transitiveReduction(ordered, order), graph);
  const dependents = dependentsOf(dependencies);
  const parents = chooseParents(dependents, topologicalOrder(dependencies)!, graph.ids.length);
  return emit({ graph, dependencies, dependents, labels, parents });
}

/**
 * k steps that wait for the same m >= 2 steps need k * m edges; with a join between them k + m.
 * The join is a node behind the steps, numbered from `ids.length` on.
 */
function mergeJoins(
  reduced: readonly number[][],
  graph: Graph,
): { dependencies: number[][]; labels: string[] } {
  const groups = new Map<string, number[]>();
  for (const [node, on] of reduced.entries()) {
    if (on.length < 2) continue;
    const key = `${graph.joins[node]} ${on.toSorted((a, b) => a - b).join(" ")}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [node]);
    else group.push(node);
  }
  const dependencies = reduced.map((on) => [...on]);
  const labels = [...graph.ids];
  let joins = 0;
  for (const group of groups.values()) {
    if (group.length < 2) continue;
    const join = dependencies.length;
    dependencies.push(reduced[group[0]!]!);
    labels.push(`join.${joins++}`);
    for (const node of group) dependencies[node] = [join];
  }
  return { dependencies, labels };
}

/** For each node the dependent it becomes a child of, -1 for the root: the one that keeps the tree shallow. */
function chooseParents(
  dependents: readonly (readonly number[])[],
  order: readonly number[],
  steps: number,
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
    const fork = dependents[node]!.length > 1 && node < steps ? 1 : 0;
    depth[node] = above + fork + 1;
  }
  return parents;
}

interface Linked {
  readonly graph: Graph;
  readonly dependencies: Dependencies;
  readonly dependents: readonly (readonly number[])[];
  readonly labels: readonly string[];
  readonly parents: readonly number[];
}

function emit({ graph, dependencies, dependents, labels, parents }: Linked): Layout {
  const steps = graph.ids.length;
  const layout: LaidJob[] = [{ kind: "run", parent: -1 }];
  // A stack instead of recursion: a chain of ten thousand steps is as deep.
  const stack: { node: number; parent: number }[] = [];
  const below = (node: number, parent: number): void => {
    for (const dependency of dependencies[node]!.toReversed()) {
      if (parents[dependency] === node) stack.push({ node: dependency, parent });
    }
  };
  for (let node = dependents.length - 1; node >= 0; node--) {
    if (dependents[node]!.length === 0) stack.push({ node, parent: 0 });
  }
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { node } = next;
    let { parent } = next;
    const label = labels[node]!;
    const isJoin = node >= steps;
    const wakes = isJoin ? [] : graph.wakes[node]!.map((any) => graph.ids[any]!);
    if (isJoin || dependents[node]!.length > 1 || wakes.length > 0) {
      const releases = dependents[node]!.filter((dependent) => dependent !== parents[node]).map(
        (dependent) => labels[dependent]!,
      );
      layout.push({ kind: "fork", label, releases, wakes, parent });
      parent = layout.length - 1;
    }
    if (!isJoin) {
      layout.push({ kind: "step", stepId: label, queue: graph.queues[node]!, parent });
      parent = layout.length - 1;
      if (graph.tokens[node] === true) layout.push({ kind: "token", stepId: label, parent });
    }
    for (const dependency of dependencies[node]!) {
      if (parents[dependency] !== node)
        layout.push({ kind: "edge", from: labels[dependency]!, to: label, parent });
    }
    below(node, parent);
  }
  return layout;
}
