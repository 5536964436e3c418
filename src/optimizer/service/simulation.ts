import { setImmediate as yieldToLoop } from "node:timers/promises";

import {
  compare,
  pairsOf,
  type ModelChange,
  type Pair,
  type ToolComparison,
} from "../simulation/compare.ts";
import type { Foretold } from "../tuning/adjustment.ts";
import type { Recorded } from "./record.ts";

/** What a change would have done. */
export interface Simulation {
  /** How long the recorded load is. Milliseconds. */
  readonly recordedMs: number;
  /** Fewer than asked for, where the load is large. */
  readonly plays: number;
  /** Tools that nobody knows the times of: they were not played. */
  readonly unknown: readonly string[];
  /** Tools that it makes a difference to. */
  readonly tools: Readonly<Record<string, ToolComparison>>;
}

/** What a change does to its tool, as shares; a tool that it makes no difference to gains nothing. */
export function foretoldOf(
  tool: ToolComparison | undefined,
  plays: number,
  recordedMs: number,
): Foretold {
  if (tool === undefined) return { gain: 1, low: 1, high: 1, waitSavedMs: 0, recordedMs, plays };
  const { before, ended, waitMs } = tool;
  // Where nothing ended, a call more is told as if one had.
  const shareOf = (more: number): number => 1 + more / Math.max(1, before.ended);
  return {
    gain: shareOf(ended.mean),
    low: shareOf(ended.low),
    high: shareOf(ended.high),
    waitSavedMs: waitMs === null ? null : -waitMs.mean,
    recordedMs,
    plays,
  };
}

/** Jobs that are played in all: a large load is played less often. */
const MAX_JOBS = 500_000;
/** Fewer have no interval. */
const LEAST_PLAYS = 2;

/** As many plays as asked for, or as are played in bearable time. */
export function affordablePlays({ tools }: Recorded["recording"], plays: number): number {
  const jobs = Object.values(tools).reduce(
    (sum, { arrivals, waiting }) => sum + waiting + arrivals.reduce((all, n) => all + n, 0),
    0,
  );
  return Math.min(plays, Math.max(LEAST_PLAYS, Math.floor(MAX_JOBS / Math.max(1, jobs))));
}

/** Tries a change on a recording, play by play, so that others have their turn in between. */
export async function tryOn(
  { recording, unknown, ms }: Recorded,
  change: ModelChange,
  plays: number,
): Promise<Simulation> {
  const pairs: Pair[] = [];
  for (const pair of pairsOf(recording, change, affordablePlays(recording, plays))) {
    pairs.push(pair);
    await yieldToLoop();
  }
  return { recordedMs: ms, plays: pairs.length, unknown, tools: compare(pairs) };
}
