/** What a picture of a workflow needs; every plan has it. */
export interface GraphSource {
  readonly workflow: { readonly id: string; readonly name: string };
  readonly steps: readonly {
    readonly id: string;
    readonly tool: string;
    readonly dependencies: readonly string[];
    readonly forEach: boolean;
    readonly when?: string | undefined;
  }[];
  readonly criticalPath: { readonly steps: readonly string[] };
}

/** One arrow, from a dependency to the step that waits for it. Indexes into `steps`. */
export interface Arrow {
  readonly from: number;
  readonly to: number;
  readonly critical: boolean;
}

/** The arrows in document order, so that the same plan always gives the same text. */
export function arrowsOf(source: GraphSource): Arrow[] {
  const indexes = new Map(source.steps.map((step, index) => [step.id, index]));
  const criticalBefore = new Map<string, string>();
  const path = source.criticalPath.steps;
  for (const [index, id] of path.entries()) {
    const before = path[index - 1];
    if (before !== undefined) criticalBefore.set(id, before);
  }
  return source.steps.flatMap((step, to) =>
    step.dependencies.flatMap((dependency) => {
      const from = indexes.get(dependency);
      if (from === undefined) return [];
      return [{ from, to, critical: criticalBefore.get(step.id) === dependency }];
    }),
  );
}

/** A quoted DOT string. Graphviz reads `\N` and the like inside labels, so backslashes are doubled. */
function dotString(text: string): string {
  return `"${oneLine(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** A text without line breaks and other white space in a row. */
export function oneLine(text: string): string {
  return text.replaceAll(/\s+/gu, " ").trim();
}

/**
 * The plan as a Graphviz digraph. Steps of the critical path are bold, `forEach` steps have a double
 * border, steps with a condition a dashed one. Node ids are `step-<id>` in the SVG made from it.
 */
export function toDot(source: GraphSource): string {
  const critical = new Set(source.criticalPath.steps);
  const lines = [
    `digraph ${dotString(source.workflow.id)} {`,
    `  label=${dotString(source.workflow.name)} labelloc=t fontname="sans-serif" rankdir=TB`,
    `  node [shape=box style=rounded fontname="sans-serif" fontsize=11]`,
    `  edge [arrowsize=0.7]`,
  ];
  for (const step of source.steps) {
    const label = `${dotString(step.id).slice(0, -1)}\\n${dotString(step.tool).slice(1)}`;
    const attributes = [`id=${dotString(`step-${step.id}`)}`, `label=${label}`];
    if (step.forEach) attributes.push("peripheries=2");
    if (step.when !== undefined) attributes.push('style="rounded,dashed"');
    if (critical.has(step.id)) attributes.push("penwidth=2.5", 'class="critical"');
    lines.push(`  ${dotString(step.id)} [${attributes.join(" ")}]`);
  }
  for (const arrow of arrowsOf(source)) {
    const [from, to] = [source.steps[arrow.from], source.steps[arrow.to]];
    if (from === undefined || to === undefined) continue;
    const bold = arrow.critical ? ' [penwidth=2.5 class="critical"]' : "";
    lines.push(`  ${dotString(from.id)} -> ${dotString(to.id)}${bold}`);
  }
  return `${lines.join("\n")}\n}\n`;
}

/** Mermaid labels are HTML and Markdown at once; its own escapes are `#name;` and `#code;`. */
function mermaidText(text: string): string {
  return oneLine(text).replaceAll(
    /[^\p{L}\p{N} ._,:()/+-]/gu,
    (sign) => `#${sign.codePointAt(0)};`,
  );
}

/**
 * The plan as a Mermaid flowchart. `forEach` steps are drawn as subroutines, the critical path bold.
 * Nodes are named by number, because words such as `end` break the syntax.
 */
export function toMermaid(source: GraphSource): string {
  const lines = ["flowchart TD"];
  for (const [index, step] of source.steps.entries()) {
    const label = `"${mermaidText(step.id)}<br/>${mermaidText(step.tool)}"`;
    lines.push(`  s${index}${step.forEach ? `[[${label}]]` : `[${label}]`}`);
  }
  const arrows = arrowsOf(source);
  for (const arrow of arrows) lines.push(`  s${arrow.from} --> s${arrow.to}`);

  const critical = new Set(source.criticalPath.steps);
  const boldNodes = source.steps.flatMap((step, index) =>
    critical.has(step.id) ? [`s${index}`] : [],
  );
  const boldArrows = arrows.flatMap((arrow, index) => (arrow.critical ? [index] : []));
  if (boldNodes.length > 0) {
    lines.push("  classDef critical stroke-width:3px", `  class ${boldNodes.join(",")} critical`);
  }
  if (boldArrows.length > 0) lines.push(`  linkStyle ${boldArrows.join(",")} stroke-width:3px`);
  return `${lines.join("\n")}\n`;
}
