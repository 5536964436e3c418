import { levelsOf, topologicalOrder } from "./dag.ts";
import { arrowsOf, oneLine, type Arrow, type GraphSource } from "./graph.ts";

/**
 * Above so many steps or arrows a picture is laid out here, level by level, in a time that grows with their number and no
 * faster. Graphviz looks for the best places instead: better to read, but 10,000 steps take it over a minute.
 */
export const GRAPHVIZ_MAX_STEPS = 300;
export const GRAPHVIZ_MAX_ARROWS = 1_000;

/** Steps side by side; a wider level goes on in rows below, or the picture would be kilometers wide. */
const MAX_COLUMNS = 40;
/** Sizes in pixels. A letter's width is that of the mean of a sans-serif font of 11. */
const CHAR_WIDTH = 6.4;
const MIN_WIDTH = 60;
const PADDING = 10;
const HEIGHT = 36;
const GAP_X = 24;
const ROW_GAP = 12;
/** Room for arrows between two levels. */
const LEVEL_GAP = 44;
const MARGIN = { left: 64, top: 48, right: 16, bottom: 16 };
/** Longer names are cut; the whole one shows under the mouse. */
const MAX_LABEL_CHARS = 32;

const STYLE = [
  "text{font-family:sans-serif;font-size:11px;text-anchor:middle}",
  ".name{font-size:14px}.level text{fill:#888}",
  ".node rect{fill:#fff;stroke:#000}.node .inner{fill:none}.conditional rect{stroke-dasharray:5 2}",
  ".edge path{fill:none;stroke:#666}.critical>rect,.edge.critical path{stroke:#000;stroke-width:2.5}",
  ".band{fill:#f6f6f6}",
].join("");

/** Whether a picture is laid out level by level. */
export function isLarge(source: GraphSource): boolean {
  const { steps } = source;
  if (steps.length > GRAPHVIZ_MAX_STEPS) return true;
  const arrows = steps.reduce((sum, { dependencies }) => sum + dependencies.length, 0);
  return arrows > GRAPHVIZ_MAX_ARROWS;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/**
 * The plan as an SVG of its levels: what needs nothing on top, below that what needs only those, and so on. It has what
 * the picture of a small one has: names and tools, arrows, the critical path bold, `forEach` steps with a double border,
 * steps with a condition dashed, and the same ids and classes.
 */
export function toLayeredSvg(source: GraphSource): string {
  const arrows = arrowsOf(source);
  const levels = levelled(source, arrows);
  const labels = source.steps.map(
    ({ id, tool }) => [cut(oneLine(id)), cut(oneLine(tool))] as const,
  );
  const longest = labels.reduce((most, [id, tool]) => Math.max(most, id.length, tool.length), 0);
  const boxWidth = Math.max(MIN_WIDTH, Math.ceil(longest * CHAR_WIDTH) + 2 * PADDING);
  const { places, bands, width, height } = placed(levels, source.steps.length, boxWidth);
  const name = xmlText(oneLine(source.workflow.name));
  const critical = new Set(source.criticalPath.steps);
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">`,
    `<title>${name}</title>`,
    `<style>${STYLE}</style>`,
    `<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto" markerUnits="userSpaceOnUse"><path d="M0 0L8 4L0 8z"/></marker></defs>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...bands,
    `<text class="name" x="${width / 2}" y="28">${name}</text>`,
    // Behind the steps, so that no name is crossed out.
    ...arrows.map((arrow) => edgeOf(arrow, source, places)),
    ...source.steps.map((step, index) =>
      nodeOf(step, {
        at: places[index]!,
        label: labels[index]!,
        boxWidth,
        isCritical: critical.has(step.id),
      }),
    ),
    `</svg>`,
    "",
  ].join("\n");
}

/** The levels, each in the order of the places of what its steps need: one look at each arrow. */
function levelled(source: GraphSource, arrows: readonly Arrow[]): readonly (readonly number[])[] {
  const needs: number[][] = source.steps.map(() => []);
  for (const { from, to } of arrows) needs[to]!.push(from);
  const order = topologicalOrder(needs);
  if (order === null) throw new Error("a plan has no cycle");
  const columns = new Float64Array(source.steps.length);
  return levelsOf(needs, order).map((level) => {
    const wanted = new Map(
      level.map((node) => {
        const on = needs[node]!;
        const sum = on.reduce((all, one) => all + columns[one]!, 0);
        return [node, on.length === 0 ? node : sum / on.length] as const;
      }),
    );
    const sorted = level.toSorted((a, b) => wanted.get(a)! - wanted.get(b)! || a - b);
    for (const [column, node] of sorted.entries()) columns[node] = column % MAX_COLUMNS;
    return sorted;
  });
}

function placed(
  levels: readonly (readonly number[])[],
  count: number,
  boxWidth: number,
): {
  readonly places: readonly Place[];
  readonly bands: readonly string[];
  readonly width: number;
  readonly height: number;
} {
  const places = Array.from<Place>({ length: count });
  const bands: string[] = [];
  const widest = Math.min(
    MAX_COLUMNS,
    levels.reduce((most, level) => Math.max(most, level.length), 0),
  );
  const inner = widest * (boxWidth + GAP_X) - GAP_X;
  const width = MARGIN.left + inner + MARGIN.right;
  let y = MARGIN.top;
  for (const [number, level] of levels.entries()) {
    const top = y;
    for (let from = 0; from < level.length; from += MAX_COLUMNS) {
      const row = level.slice(from, from + MAX_COLUMNS);
      const indent = (inner - (row.length * (boxWidth + GAP_X) - GAP_X)) / 2;
      for (const [column, node] of row.entries())
        places[node] = { x: MARGIN.left + indent + column * (boxWidth + GAP_X) + boxWidth / 2, y };
      y += HEIGHT + ROW_GAP;
    }
    const bottom = y - ROW_GAP;
    bands.push(
      `<g class="level"><rect class="band" x="0" y="${top - 8}" width="${width}" height="${bottom - top + 16}"/><text x="28" y="${(top + bottom) / 2 + 4}">${number + 1}</text></g>`,
    );
    y = bottom + LEVEL_GAP;
  }
  return { places, bands, width, height: y - LEVEL_GAP + MARGIN.bottom };
}

function edgeOf(
  { from, to, critical }: Arrow,
  { steps }: GraphSource,
  places: readonly Place[],
): string {
  const [a, b] = [places[from]!, places[to]!];
  const [startY, endY] = [a.y + HEIGHT, b.y];
  const bend = Math.min(LEVEL_GAP, (endY - startY) / 2);
  const title = `${xmlText(steps[from]!.id)} -&gt; ${xmlText(steps[to]!.id)}`;
  const path = `M${a.x} ${startY}C${a.x} ${startY + bend} ${b.x} ${endY - bend} ${b.x} ${endY}`;
  return `<g class="edge${critical ? " critical" : ""}"><title>${title}</title><path marker-end="url(#arrow)" d="${path}"/></g>`;
}

function nodeOf(
  { id, tool, forEach, when }: GraphSource["steps"][number],
  {
    at,
    label,
    boxWidth,
    isCritical,
  }: {
    readonly at: Place;
    readonly label: readonly [id: string, tool: string];
    readonly boxWidth: number;
    readonly isCritical: boolean;
  },
): string {
  const classes = [
    "node",
    ...(isCritical ? ["critical"] : []),
    ...(when === undefined ? [] : ["conditional"]),
  ];
  const x = at.x - boxWidth / 2;
  const border = (inset: number, name = ""): string =>
    `<rect${name} x="${x + inset}" y="${at.y + inset}" width="${boxWidth - 2 * inset}" height="${HEIGHT - 2 * inset}" rx="6"/>`;
  return [
    `<g id="${xmlText(`step-${id}`)}" class="${classes.join(" ")}"><title>${xmlText(`${id}: ${tool}`)}</title>`,
    border(0),
    forEach ? border(3, ' class="inner"') : "",
    `<text x="${at.x}" y="${at.y + 15}">${xmlText(label[0])}</text><text x="${at.x}" y="${at.y + 28}">${xmlText(label[1])}</text></g>`,
  ].join("");
}

function cut(text: string): string {
  const letters = Array.from(text);
  return letters.length <= MAX_LABEL_CHARS
    ? text
    : `${letters.slice(0, MAX_LABEL_CHARS / 2 - 1).join("")}…${letters.slice(-MAX_LABEL_CHARS / 2).join("")}`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

/** Text in XML, without what XML has no way to write: control characters, halves of characters. */
function xmlText(text: string): string {
  return text
    .replaceAll(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll(/[&<>"]/g, (sign) => ESCAPES[sign]!);
}
