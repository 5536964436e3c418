import type { Chart } from "./chart-input.ts";

/** Okabe and Ito's colors: told apart by color-blind people too. */
export const COLORS = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#d55e00",
  "#cc79a7",
  "#56b4e9",
  "#8c6d00",
  "#000000",
];
const FONT = "system-ui, sans-serif";
const MARGIN = { top: 76, right: 24, bottom: 64, left: 64 };
/** Room for a letter of a label. Pixels. */
const CHAR_WIDTH = 6.5;
const MAX_LABEL_CHARS = 24;
const TICKS = 5;
/** Below, the steps of an axis are too small for floating point. */
const MIN_SPAN = 1e-300;

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

interface Scale {
  readonly ticks: readonly number[];
  /** Height of a value on the canvas. */
  y(value: number): number;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
};

// oxlint-disable-next-line no-control-regex -- they are what it is about
const CONTROL_CHARS = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;

/** XML has no escape for control characters, so they are dropped. */
export function escaped(text: string): string {
  return text.replace(CONTROL_CHARS, "").replace(/[&<>"]/g, (char) => ESCAPES[char] ?? char);
}

export const px = (value: number): string => String(Math.round(value * 100) / 100);
export const shown = (value: number): string => String(Number(value.toPrecision(6)));
export const shortened = (text: string, chars: number): string =>
  text.length <= chars ? text : `${text.slice(0, Math.max(1, chars - 1))}…`;

/** The step of 1, 2 or 5 times a power of ten that gives about the wanted number of ticks. */
export function niceStep(span: number): number {
  const rough = span / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((one) => one * power >= rough) ?? 10;
  return factor * power;
}

/** An axis from zero (bars lie otherwise), in round steps. */
function scaleOf(chart: Chart, frame: Frame): Scale {
  const values = chart.series.flatMap((one) => one.values).filter((value) => value !== null);
  let low = 0;
  let high = 0;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (high - low < MIN_SPAN) high = low + 1;
  const step = niceStep(high - low);
  const first = Math.floor(low / step);
  const last = Math.ceil(high / step);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  const span = (last - first) * step;
  return {
    ticks,
    y: (value) => frame.top + frame.height * (1 - (value - first * step) / span),
  };
}

function axes(chart: Chart, frame: Frame, scale: Scale): string[] {
  const right = frame.left + frame.width;
  const parts = scale.ticks.flatMap((tick) => {
    const y = px(scale.y(tick));
    const color = tick === 0 ? "#444" : "#ddd";
    return [
      `<line x1="${px(frame.left)}" y1="${y}" x2="${px(right)}" y2="${y}" stroke="${color}"/>`,
      `<text x="${px(frame.left - 8)}" y="${y}" dy="0.35em" text-anchor="end">${shown(tick)}</text>`,
    ];
  });
  if (chart.unit !== undefined)
    parts.push(
      `<text x="${px(frame.left)}" y="${px(frame.top - 10)}">${escaped(chart.unit)}</text>`,
    );
  return [...parts, ...labels(chart, frame)];
}

/** As many labels as have room; where all are long, they lean. */
function labels({ labels: texts }: Chart, frame: Frame): string[] {
  const slot = frame.width / texts.length;
  const longest = Math.min(MAX_LABEL_CHARS, Math.max(...texts.map((text) => text.length)));
  const leaning = longest * CHAR_WIDTH > slot;
  const every = leaning ? Math.max(1, Math.ceil(14 / slot)) : 1;
  return texts.flatMap((text, index) => {
    if (index % every !== 0) return [];
    const x = px(frame.left + slot * (index + 0.5));
    const y = px(frame.top + frame.height + 16);
    const turn = leaning
      ? ` transform="rotate(-35 ${x} ${y})" text-anchor="end"`
      : ` text-anchor="middle"`;
    const label = shortened(text, leaning ? 12 : MAX_LABEL_CHARS);
    return [`<text x="${x}" y="${y}"${turn}>${escaped(label)}</text>`];
  });
}

const tooltip = (chart: Chart, series: string, index: number, value: number): string =>
  `<title>${escaped(`${series}, ${chart.labels[index] ?? ""}: ${shown(value)}${chart.unit === undefined ? "" : ` ${chart.unit}`}`)}</title>`;

function bars(chart: Chart, frame: Frame, scale: Scale): string[] {
  const slot = frame.width / chart.labels.length;
  const bar = (slot * 0.8) / chart.series.length;
  return chart.series.flatMap(({ name, values }, at) =>
    values.flatMap((value, index) => {
      if (value === null) return [];
      const x = frame.left + slot * (index + 0.1) + bar * at;
      const top = Math.min(scale.y(value), scale.y(0));
      const height = Math.abs(scale.y(value) - scale.y(0));
      const size = `x="${px(x)}" y="${px(top)}" width="${px(bar)}" height="${px(height)}"`;
      return [`<rect ${size} fill="${COLORS[at]}">${tooltip(chart, name, index, value)}</rect>`];
    }),
  );
}

function lines(chart: Chart, frame: Frame, scale: Scale): string[] {
  const slot = frame.width / chart.labels.length;
  return chart.series.flatMap(({ name, values }, at) => {
    let path = "";
    let connected = false;
    const dots: string[] = [];
    for (const [index, value] of values.entries()) {
      if (value !== null) {
        const x = px(frame.left + slot * (index + 0.5));
        const y = px(scale.y(value));
        path += `${connected ? "L" : "M"}${x} ${y}`;
        dots.push(
          `<circle cx="${x}" cy="${y}" r="3" fill="${COLORS[at]}">${tooltip(chart, name, index, value)}</circle>`,
        );
      }
      connected = value !== null;
    }
    return [`<path d="${path}" fill="none" stroke="${COLORS[at]}" stroke-width="2"/>`, ...dots];
  });
}

function legend({ series, width }: Chart): string[] {
  if (series.length < 2) return [];
  const room = (width - MARGIN.left - MARGIN.right) / series.length;
  return series.flatMap(({ name }, index) => {
    const x = MARGIN.left + room * index;
    const label = shortened(name, Math.floor((room - 24) / CHAR_WIDTH));
    return [
      `<rect x="${px(x)}" y="36" width="10" height="10" fill="${COLORS[index]}"/>`,
      `<text x="${px(x + 16)}" y="41" dy="0.35em">${escaped(label)}</text>`,
    ];
  });
}

/** What a screen reader says when the caller did not. */
function described({ kind, labels: texts, series, unit, description }: Chart): string {
  if (description !== undefined) return description;
  const names = series.map(({ name }) => name).join(", ");
  return `A ${kind} chart of ${names}${unit === undefined ? "" : ` in ${unit}`}, ${texts.length} ${texts.length === 1 ? "value" : "values"} each, from ${texts[0]} to ${texts.at(-1)}.`;
}

/** Draws a chart as an SVG document that needs no script and no other file. */
export function drawChart(chart: Chart): string {
  const { width, height } = chart;
  const frame: Frame = {
    left: MARGIN.left,
    top: MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom,
  };
  const scale = scaleOf(chart, frame);
  return svgFrame(chart, height, [
    heading(chart),
    ...legend(chart),
    ...axes(chart, frame, scale),
    ...(chart.kind === "bar" ? bars(chart, frame, scale) : lines(chart, frame, scale)),
  ]);
}

/** The title as it is drawn. */
export function heading({ title, width }: Chart): string {
  const text = shortened(title, Math.floor((width - MARGIN.right - 16) / 9));
  return `<text x="16" y="24" font-size="16" font-weight="600">${escaped(text)}</text>`;
}

/** A document around what was drawn, with title and description for screen readers. */
export function svgFrame(chart: Chart, height: number, parts: readonly string[]): string {
  const { title, width } = chart;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="title desc" font-family="${FONT}" font-size="12" fill="#222">`,
    `<title id="title">${escaped(title)}</title>`,
    `<desc id="desc">${escaped(described(chart))}</desc>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    "</svg>",
    "",
  ].join("\n");
}
