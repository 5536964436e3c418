import type { Chart } from "./chart-input.ts";
import { COLORS, escaped, heading, niceStep, px, shortened, shown, svgFrame } from "./chart-svg.ts";

const ROW_HEIGHT = 26;
const BAR_HEIGHT = 16;
const MARGIN = { top: 64, right: 72, bottom: 16 };
/** Room for a letter of a label. Pixels. */
const CHAR_WIDTH = 7.5;
const MAX_LABEL_CHARS = 28;

/** Draws lying bars, one row for each label; `starts` says where they begin, else they begin at zero. */
export function drawRows(chart: Chart): string {
  const { labels, series, starts, unit, width } = chart;
  const values = series[0]?.values ?? [];
  const ends = values.map((value, row) => (starts?.[row] ?? 0) + (value ?? 0));
  const low = Math.min(0, ...(starts ?? []), ...ends);
  const step = niceStep(Math.max(0, ...ends) - low || 1);
  const ticks = Math.max(1, Math.ceil((Math.max(0, ...ends) - low) / step));
  const longest = Math.min(MAX_LABEL_CHARS, Math.max(...labels.map((label) => label.length)));
  const left = 24 + longest * CHAR_WIDTH;
  const height = MARGIN.top + labels.length * ROW_HEIGHT + MARGIN.bottom;
  const x = (value: number): number =>
    left + ((value - low) / (ticks * step)) * (width - left - MARGIN.right);

  const grid = Array.from({ length: ticks + 1 }, (_, tick) => {
    const at = px(x(low + tick * step));
    return (
      `<line x1="${at}" y1="${MARGIN.top - 6}" x2="${at}" y2="${height - MARGIN.bottom}" stroke="#ddd"/>` +
      `<text x="${at}" y="${MARGIN.top - 12}" text-anchor="middle" fill="#555">${shown(low + tick * step)}${tick === ticks && unit !== undefined ? ` ${escaped(unit)}` : ""}</text>`
    );
  });
  const rows = labels.flatMap((label, row) => {
    const value = values[row] ?? null;
    const y = MARGIN.top + row * ROW_HEIGHT + ROW_HEIGHT / 2;
    const name = `<text x="${px(left - 10)}" y="${y}" dy="0.35em" text-anchor="end">${escaped(shortened(label, MAX_LABEL_CHARS))}</text>`;
    if (value === null) return [name];
    const from = starts?.[row] ?? 0;
    const [a, b] = [x(Math.min(from, from + value)), x(Math.max(from, from + value))];
    const text = `${shown(value)}${unit === undefined ? "" : ` ${unit}`}`;
    return [
      name,
      // What took no time at all is still there to be seen.
      `<rect x="${px(a)}" y="${y - BAR_HEIGHT / 2}" width="${px(Math.max(b - a, 1.5))}" height="${BAR_HEIGHT}" rx="2" fill="${COLORS[0]}"><title>${escaped(`${label}: ${text}`)}</title></rect>`,
      `<text x="${px(b + 6)}" y="${y}" dy="0.35em" fill="#555">${escaped(text)}</text>`,
    ];
  });
  return svgFrame(chart, height, [heading(chart), ...grid, ...rows]);
}
