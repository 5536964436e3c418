import type { Digest } from "../findings/digest.ts";
import type { FindingState } from "../findings/find.ts";
import type { Finding } from "../findings/finding.ts";
import { forecastOf, type ForecastState } from "../metrics/forecast.ts";
import type { Adjustment, Room } from "./adjustment.ts";
import { mayRaise, type TuningState } from "./state.ts";

/** So far is looked ahead: what is raised now is of use by then. Windows. */
const WINDOWS = 6;
/** A tool is full that needs this share of what it may run at once. */
const FULL = 0.9;
/** A raise is to so many times as many at most. */
const MOST_STEP = 2;
/** Jobs waited for less of the time: more is waiting. */
const QUIET = 0.25;

/** What is known of the load that comes. */
export interface Coming {
  /** Of the arrivals of each tool a second. */
  readonly forecasts: Readonly<Record<string, ForecastState>>;
  readonly tools: FindingState["tools"];
}

/**
 * The raise of the first tool whose load is growing beyond what it may run at once, before jobs wait for that. It is
 * growing when the forecast beats the one that nothing changes, and half a minute of its slope is more than its standard
 * error; and nothing else keeps it. `windows`: those before. Null: none.
 */
export function proposeAhead(
  state: TuningState,
  windows: readonly Digest[],
  findings: readonly Finding[],
  { forecasts, tools }: Coming,
  room: Room,
): Adjustment | null {
  const kept = new Set(findings.map(({ tool }) => tool));
  for (const [tool, own] of Object.entries(room)) {
    const { concurrency: from, max } = own;
    if (kept.has(tool) || !mayRaise(state, tool, own) || !isInUse(tool, from, windows)) continue;
    const perS = comingPerS(forecasts[tool]);
    const meanMs = tools[tool]?.usual?.meanMs;
    if (perS === null || meanMs === undefined) continue;
    const needed = (perS * meanMs) / 1_000;
    if (needed <= FULL * from) continue;
    return {
      id: state.lastId + 1,
      tool,
      what: "concurrency",
      from,
      to: Math.min(max, MOST_STEP * from, Math.max(from + 1, Math.ceil(needed / FULL))),
      why: `its load grows: ${needed.toFixed(1)} calls at once are foreseen, and it may run ${from}`,
      ahead: true,
      atMs: windows.at(-1)?.atMs ?? 0,
    };
  }
  return null;
}

/**
 * Nothing waits for a tool, and half of what it may run at once does run: what comes does call it, and is not skipped, kept
 * or tried again and again.
 */
function isInUse(tool: string, concurrency: number, windows: readonly Digest[]): boolean {
  const seen = windows.flatMap(({ tools }) => tools[tool] ?? []);
  const mean = (of: (one: (typeof seen)[number]) => number): number =>
    seen.reduce((sum, one) => sum + of(one), 0) / windows.length;
  return mean(({ busy }) => busy) < QUIET && mean(({ active }) => active) >= concurrency / 2;
}

/** Arrivals a second then, of a load that grows; null: it does not, or nobody can tell. */
function comingPerS(state: ForecastState | undefined): number | null {
  const forecast = forecastOf(state);
  if (state === undefined || forecast === null || forecast.meanError > forecast.naiveError)
    return null;
  const growth = WINDOWS * state.slope;
  return growth > Math.sqrt(state.square) ? state.level + growth : null;
}
