import type { Stretch } from "./knee-belief.ts";

/** Calls, added up; logarithms of how many were underway beside each, and of what it took. */
export interface Sums {
  readonly calls: number;
  readonly logConcurrency: number;
  readonly logMs: number;
  readonly logMsSquares: number;
}

export const NO_CALLS: Sums = { calls: 0, logConcurrency: 0, logMs: 0, logMsSquares: 0 };

export const plus = (a: Sums, b: Sums): Sums => ({
  calls: a.calls + b.calls,
  logConcurrency: a.logConcurrency + b.logConcurrency,
  logMs: a.logMs + b.logMs,
  logMsSquares: a.logMsSquares + b.logMsSquares,
});

/** The sums of one call. */
export function sumsOf(concurrency: number, ms: number): Sums {
  const log = Math.log(ms);
  return { calls: 1, logConcurrency: Math.log(concurrency), logMs: log, logMsSquares: log * log };
}

export const stretchOf = ({ calls, logConcurrency, logMs }: Sums): Stretch => ({
  calls,
  logConcurrency: logConcurrency / calls,
  logLatency: logMs / calls,
});

/** Of the logarithms of the latencies. Two calls at least. */
export const varianceOf = ({ calls, logMs, logMsSquares }: Sums): number =>
  Math.max(0, logMsSquares / calls - (logMs / calls) ** 2) * (calls / (calls - 1));

/** Calls that ended under one cap while it held more back, and in what time. */
export interface Tenure {
  readonly calls: number;
  readonly ms: number;
}

/** Calls a second; null: none ended. */
export const rateOf = ({ calls, ms }: Tenure): number | null =>
  calls === 0 || ms === 0 ? null : Number(((1_000 * calls) / ms).toPrecision(4));
