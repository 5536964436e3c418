import { readBelief, type KneeBelief } from "./knee-belief.ts";
import type { Sums, Tenure } from "./knee-calls.ts";

/** Why a cap is what it is. */
export type KneeReason =
  /** No knee seen yet; as long as more are wanted, the cap grows to twice what was seen. */
  | "slow_start"
  /** No knee seen up to the ceiling: no cap. */
  | "no_knee"
  /** Where most throughput is believed to be. */
  | "at_knee"
  /** Below that, or above: what is seen there tells more than it costs; or it has risen to nobody knows where. */
  | "look_below"
  | "look_above"
  /** The service said 429. */
  | "throttled";

export interface KneeDecision {
  /** Calls at once; null = no cap. */
  readonly cap: number | null;
  readonly reason: KneeReason;
}

/** A cap that was moved, and what that did. */
export interface KneeChange {
  /** Counts up over the life of what is known. */
  readonly number: number;
  readonly atMs: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly reason: KneeReason;
  /** From how many calls at once on the service is slower, and what a call takes below that; null: not seen yet. */
  readonly knee: number | null;
  readonly quietMs: number | null;
  /** Calls that ended in a second while more waited, before and after; null: none did. */
  readonly beforePerS: number | null;
  readonly afterPerS: number | null;
  /** Null: it is still being measured. Taken back: the next change went back towards what was before. */
  readonly verdict: "kept" | "taken_back" | null;
}

/** Calls that ended since the last stretch. */
export interface Buffer {
  readonly sinceMs: number;
  bound: number;
  /** Calls that began under a cap that was quite another; the rest. */
  mixed: Sums;
  clean: Sums;
  /** Calls that began before the service changed. */
  old: Sums;
}

/** All that is known, as plain JSON. */
export interface KneeState {
  cap: number | null;
  reason: KneeReason;
  /** What 429s leave of the cap; it grows back. */
  limit: number | null;
  throttledMs: number | null;
  buffer: Buffer | null;
  /** Null before the first stretch. */
  belief: KneeBelief | null;
  /** Of the logarithm of one latency, and of how many calls that is known. */
  variance: number;
  varied: number;
  /** A knee was visible at some time. */
  found: boolean;
  /** When the last call ended, and when the last stretch was learned from. */
  endedMs: number;
  learnedMs: number;
  /** When the cap was moved last, and by how much: logarithm. */
  movedMs: number;
  movedBy: number;
  /** Since when the cap is tried to see what it tells; null: it is not. */
  lookMs: number | null;
  /** When the last look was over, and how many there were since the cap has come down. */
  lookedMs: number;
  looks: number;
  /** When the service was seen to change last, and by how much: logarithm of the latency. */
  brokenMs: number;
  brokenBy: number;
  /** The last changes, the oldest first, and what ended since the last of them. */
  changes: readonly KneeChange[];
  tenure: Tenure;
}

/** The variance of a service of which no call was seen; it counts as if seen of so many calls. */
const FIRST_VARIANCE = 0.3 ** 2;
const FIRST_VARIED = 5;

export const freshState = (cap: number | null): KneeState => ({
  cap,
  reason: cap === null ? "no_knee" : "slow_start",
  limit: null,
  throttledMs: null,
  buffer: null,
  belief: null,
  variance: FIRST_VARIANCE,
  varied: FIRST_VARIED,
  found: false,
  endedMs: 0,
  learnedMs: 0,
  movedMs: 0,
  movedBy: 0,
  lookMs: null,
  lookedMs: 0,
  looks: 1,
  brokenMs: 0,
  brokenBy: 0,
  changes: [],
  tenure: { calls: 0, ms: 0 },
});

/**
 * What was kept, by this version or an older one: of the one before, which knew one exponent only, all but the calls that
 * were still to be learned from; of those before that the cap.
 */
export function readState(kept: KneeState): KneeState {
  const before = structuredClone(kept);
  if (before.changes !== undefined) return before;
  const fresh = freshState(before.cap);
  const belief = readBelief(before.belief);
  if (belief === null) return fresh;
  const { cap, reason, limit, throttledMs, variance, found, learnedMs, movedMs } = before;
  const known = { cap, reason, limit, throttledMs, variance, found, learnedMs, movedMs };
  return { ...fresh, ...known, belief, lookedMs: movedMs };
}
