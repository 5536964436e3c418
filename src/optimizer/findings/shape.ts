import { DEFAULT_TARGET, type Target } from "../../../config/index.ts";
import type { RunDefinition } from "../../../queues/index.ts";
import { namesInOrder } from "../../workflow/graph/dag.ts";

/** What a workflow asks of each tool. */
export interface Shape {
  /** Calls that one run makes of a tool; null: nobody knows before it runs. */
  readonly visits: Readonly<Record<string, number | null>>;
  /** The tools whose calls have to end, somewhere in the workflow, before those of a tool begin. */
  readonly before: Readonly<Record<string, readonly string[]>>;
  /** The tool of each step, and the places of the steps it needs, all of which stand before it. */
  readonly steps: readonly (readonly [tool: string, needs: readonly number[]])[];
  /** What its runs aim at. */
  readonly target: Target;
}

/** Shapes by the hash of a definition. */
export type Shapes = Readonly<Record<string, Shape>>;

/** Reads the shape of a workflow. What may be skipped, repeated for items or chosen is not known before. */
export function shapeOf({ steps, target = DEFAULT_TARGET }: RunDefinition): Shape {
  const ordered = inOrder(steps);
  const visits: Record<string, number | null> = {};
  const before: Record<string, Set<string>> = {};
  /** By place, the tools of all steps that come before. */
  const earlier: ReadonlySet<string>[] = [];
  for (const [id, needs] of ordered) {
    const { tool, forEach, when, optional, join } = steps[id]!;
    const certain = forEach === undefined && when === undefined && !optional && join === "all";
    const count = visits[tool] ?? 0;
    visits[tool] = certain && visits[tool] !== null ? count + 1 : null;
    const tools = new Set(
      needs.flatMap((need) => [steps[ordered[need]![0]]!.tool, ...earlier[need]!]),
    );
    earlier.push(tools);
    const all = (before[tool] ??= new Set());
    for (const one of tools) if (one !== tool) all.add(one);
  }
  return {
    visits,
    before: Object.fromEntries(Object.entries(before).map(([tool, tools]) => [tool, [...tools]])),
    steps: ordered.map(([id, needs]) => [steps[id]!.tool, needs]),
    target,
  };
}

/** The ids of steps, each behind those that it needs, with their places. */
function inOrder(steps: RunDefinition["steps"]): [id: string, needs: number[]][] {
  const needs = new Map(Object.entries(steps).map(([id, step]) => [id, step.needs]));
  const ids = namesInOrder(needs);
  const places = new Map(ids.map((id, place) => [id, place]));
  return ids.map((id) => [id, needs.get(id)!.flatMap((need) => places.get(need) ?? [])]);
}
