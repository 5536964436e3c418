import type { ToolDigest } from "./digest.ts";

/** How long the calls of a tool usually take. */
export interface Usual {
  /** Milliseconds. */
  readonly meanMs: number;
  /** What 99 of 100 do not exceed, smoothed over windows. Milliseconds. */
  readonly p99Ms: number;
  /** Calls it is taken of. */
  readonly calls: number;
}

/** A window with fewer calls does not move it. */
const LEAST_CALLS = 3;
/** Up to so many calls it is their plain mean. */
const PLAIN_CALLS = 40;
/** Times within this much of the usual are taken for usual. */
const NEAR = 1.25;
/** How far a window moves it: quickly where it is near, hardly where all is slow: overload must not become usual. */
const GAIN_NEAR = 0.05;
const GAIN_FAR = 0.002;
/** A window with so many calls moves it with its whole gain. */
const WHOLE_GAIN_CALLS = 10;
/** The same for the percentile. */
const GAIN_P99 = 0.2;

/** What is usual after one more window. */
export function learnUsual(before: Usual | undefined, window: ToolDigest): Usual | undefined {
  const { calls, meanMs, p99Ms } = window;
  if (calls < LEAST_CALLS || meanMs === null || p99Ms === null) return before;
  if (before === undefined) return { meanMs, p99Ms, calls };
  const all = before.calls + calls;
  if (before.calls < PLAIN_CALLS)
    return {
      meanMs: (before.meanMs * before.calls + meanMs * calls) / all,
      p99Ms: Math.max(before.p99Ms, p99Ms),
      calls: all,
    };
  const near = meanMs < NEAR * before.meanMs;
  const gain = (near ? GAIN_NEAR : GAIN_FAR) * Math.min(1, calls / WHOLE_GAIN_CALLS);
  return {
    meanMs: before.meanMs + gain * (meanMs - before.meanMs),
    p99Ms: near ? before.p99Ms + GAIN_P99 * (p99Ms - before.p99Ms) : before.p99Ms,
    calls: all,
  };
}
