import { setImmediate as breathe } from "node:timers/promises";

import {
  compare,
  pairsOf,
  type ModelChange,
  type Pair,
  type ToolComparison,
} from "../optimizer/simulation/compare.ts";
import type { Recorded } from "./record.ts";

/** What a change would have done. */
export interface Simulation {
  /** How long the recorded load is. Milliseconds. */
  readonly recordedMs: number;
  readonly plays: number;
  /** Tools that nobody knows the times of: they were not played. */
  readonly unknown: readonly string[];
  /** Tools that it makes a difference to. */
  readonly tools: Readonly<Record<string, ToolComparison>>;
}

/** Tries a change on a recording, play by play, so that others have their turn in between. */
export async function tryOn(
  { recording, unknown, ms }: Recorded,
  change: ModelChange,
  plays: number,
): Promise<Simulation> {
  const pairs: Pair[] = [];
  for (const pair of pairsOf(recording, change, plays)) {
    pairs.push(pair);
    await breathe();
  }
  return { recordedMs: ms, plays, unknown, tools: compare(pairs) };
}
