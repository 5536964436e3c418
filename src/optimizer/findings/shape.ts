import type { RunDefinition } from "../../../queues/index.ts";

/** What a workflow asks of each tool. */
export interface Shape {
  /** Calls that one run makes of a tool; null: nobody knows before it runs. */
  readonly visits: Readonly<Record<string, number | null>>;
  /** The tools whose calls have to end, somewhere in the workflow, before those of a tool begin. */
  readonly before: Readonly<Record<string, readonly string[]>>;
}

/** Shapes by the hash of a definition. */
export type Shapes = Readonly<Record<string, Shape>>;

/** Reads the shape of a workflow. What may be skipped, repeated for items or chosen is not known before. */
export function shapeOf({ steps }: RunDefinition): Shape {
  const visits: Record<string, number | null> = {};
  const before: Record<string, Set<string>> = {};
  const ancestors = new Map<string, ReadonlySet<string>>();
  const toolsBefore = (id: string): ReadonlySet<string> => {
    const known = ancestors.get(id);
    if (known !== undefined) return known;
    const tools = new Set<string>();
    ancestors.set(id, tools);
    for (const need of steps[id]?.needs ?? []) {
      const tool = steps[need]?.tool;
      if (tool !== undefined) tools.add(tool);
      for (const one of toolsBefore(need)) tools.add(one);
    }
    return tools;
  };
  for (const [id, { tool, forEach, when, optional, join }] of Object.entries(steps)) {
    const certain = forEach === undefined && when === undefined && !optional && join === "all";
    const count = visits[tool] ?? 0;
    visits[tool] = certain && visits[tool] !== null ? count + 1 : null;
    const tools = (before[tool] ??= new Set());
    for (const one of toolsBefore(id)) if (one !== tool) tools.add(one);
  }
  return {
    visits,
    before: Object.fromEntries(Object.entries(before).map(([tool, tools]) => [tool, [...tools]])),
  };
}
