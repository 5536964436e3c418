import * as z from "zod";

import type { ToolHandler } from "../calling/binding.ts";

const UNITS = ["day", "week", "month", "year"] as const;
type Unit = (typeof UNITS)[number];

const histogramInput = z.object({
  times: z.array(z.string()),
  unit: z.enum(["auto", ...UNITS]),
  maxBars: z.number(),
});

const DAY_MS = 86_400_000;

/** Number of the period a time falls into, counted in UTC; neighbors differ by one. */
function periodOf(timeMs: number, unit: Unit): number {
  const date = new Date(timeMs);
  switch (unit) {
    case "day":
      return Math.floor(timeMs / DAY_MS);
    case "week":
      // 1970 began on a Thursday; weeks begin on Mondays.
      return Math.floor((timeMs / DAY_MS + 3) / 7);
    case "month":
      return date.getUTCFullYear() * 12 + date.getUTCMonth();
    case "year":
      return date.getUTCFullYear();
  }
}

/** The first day of a period, as far as it matters: `2026-11-16`, `2026-11`, `2026`. */
function labelOf(period: number, unit: Unit): string {
  switch (unit) {
    case "day":
      return new Date(period * DAY_MS).toISOString().slice(0, 10);
    case "week":
      return new Date((period * 7 - 3) * DAY_MS).toISOString().slice(0, 10);
    case "month":
      return `${Math.floor(period / 12)}-${String((period % 12) + 1).padStart(2, "0")}`;
    case "year":
      return String(period);
  }
}

/** Counts times by period. Periods without any are there too: a chart without them would lie. */
const histogram: ToolHandler = (input) => {
  const { times, unit: wanted, maxBars } = histogramInput.parse(input);
  const valid = times.map((time) => Date.parse(time)).filter((ms) => Number.isFinite(ms));
  const [first, last] = valid.reduce<[number, number]>(
    ([low, high], ms) => [Math.min(low, ms), Math.max(high, ms)],
    [Infinity, -Infinity],
  );
  const lengthIn = (unit: Unit) => periodOf(last, unit) - periodOf(first, unit) + 1;
  const fitting = UNITS.find((unit) => lengthIn(unit) <= maxBars) ?? "year";
  const unit = wanted === "auto" ? fitting : wanted;
  if (valid.length === 0)
    return { unit, labels: [], counts: [], total: 0, invalid: times.length, left: 0 };

  // The latest are kept: one wrong clock in the past must not hide the present.
  const bars = Math.min(lengthIn(unit), maxBars);
  const start = periodOf(last, unit) - bars + 1;
  const counts = Array.from({ length: bars }, () => 0);
  for (const ms of valid) {
    const at = periodOf(ms, unit) - start;
    if (at >= 0) counts[at] = (counts[at] ?? 0) + 1;
  }
  const total = counts.reduce((sum, count) => sum + count, 0);
  return {
    unit,
    labels: counts.map((_, index) => labelOf(start + index, unit)),
    counts,
    total,
    invalid: times.length - valid.length,
    left: valid.length - total,
  };
};

export const timeTools = { "time.histogram": histogram } satisfies Record<string, ToolHandler>;
