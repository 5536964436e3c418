import type { FindingState } from "../findings/find.ts";
import { forecastOf, type ForecastState } from "../forecast.ts";
import type { Adjustment, Room } from "./adjustment.ts";
import type { TuningState } from "./state.ts";

/** So far is looked ahead: what is raised now is of use by then. Windows. */
const WINDOWS = 6;
/** A tool is full that needs this share of what it may run at once. */
const FULL = 0.9;
/** A raise is to so many times as many at most. */
const MOST_STEP = 2;

/** What is known of the load that comes. */
export interface Coming {
  /** Of the arrivals of each tool a second. */
  readonly forecasts: Readonly<Record<string, ForecastState>>;
  readonly tools: FindingState["tools"];
}

/**
 * The raise of the first tool whose load is growing beyond what it may run at once, before jobs wait for that (R96). It is
 * growing when the forecast beats the one that nothing changes, and half a minute of its slope is more than its standard
 * error. Null: none.
 */
export function proposeAhead(
  state: TuningState,
  atMs: number,
  { forecasts, tools }: Coming,
  room: Room,
): Adjustment | null {
  for (const [tool, own] of Object.entries(room)) {
    const { concurrency: from, max, isSet } = own;
    if (isSet || from >= max || (state.resting[tool]?.[0] ?? 0) > 0) continue;
    // What was raised before may not have reached the gate yet.
    if (from !== (state.desired[tool] ?? own.declared)) continue;
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
      atMs,
    };
  }
  return null;
}

/** Arrivals a second then, of a load that grows; null: it does not, or nobody can tell. */
function comingPerS(state: ForecastState | undefined): number | null {
  const forecast = forecastOf(state);
  if (state === undefined || forecast === null || forecast.meanError > forecast.naiveError)
    return null;
  const growth = WINDOWS * state.slope;
  return growth > Math.sqrt(state.square) ? state.level + growth : null;
}
