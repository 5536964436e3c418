import type { ToolSpec } from "./tool.ts";

/** Tools ordered so that each follows its `dependencies`, or a cycle that makes this impossible. */
export type ToolOrder =
  | { readonly order: readonly string[] }
  | { readonly cycle: readonly string[] };

/**
 * Orders tools by their `dependencies`. Ties keep the given order; dependencies on tools that are not given are
 * ignored. A cycle lists its tools from the first back to itself: `["a", "b", "a"]`.
 */
export function orderTools(tools: readonly ToolSpec[]): ToolOrder {
  const byId = new Map(tools.map((tool) => [tool.id, tool]));
  const done = new Set<string>();
  /** The path from the root to the tool being visited, each with its next dependency. */
  const trail: { readonly id: string; next: number }[] = [];
  const onTrail = new Set<string>();

  for (const root of tools) {
    if (done.has(root.id)) continue;
    trail.push({ id: root.id, next: 0 });
    onTrail.add(root.id);
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const dependency = byId.get(top.id)?.dependencies[top.next++];
      if (dependency === undefined) {
        done.add(top.id);
        onTrail.delete(top.id);
        trail.pop();
      } else if (onTrail.has(dependency)) {
        const ids = trail.map(({ id }) => id);
        return { cycle: [...ids.slice(ids.indexOf(dependency)), dependency] };
      } else if (byId.has(dependency) && !done.has(dependency)) {
        trail.push({ id: dependency, next: 0 });
        onTrail.add(dependency);
      }
    }
  }
  return { order: [...done] };
}
