import type { Digest } from "../findings/digest.ts";
import type { Effect, Judgement } from "./adjustment.ts";

/** What is measured of a tool in a window, and of all tools beside it. */
export interface Measured {
  readonly ms: number;
  readonly ended: number;
  readonly failed: number;
  /** Calls that went well, and the sum of their times. Milliseconds. */
  readonly calls: number;
  readonly sumMs: number;
  /** Calls of the other tools that ended. */
  readonly others: number;
}

/** The first window after a change holds calls from before it. */
const SETTLING_WINDOWS = 1;
/** What is not proven after so many more is taken back. */
const JUDGED_WINDOWS = 3;
/** A gain below this is not worth a change. */
const LEAST_GAIN = 1.05;
/** What is so much worse is taken back at once: calls that end, those of other tools, failures, times. */
const WORSE = 0.85;
const MORE_FAILURES = 0.1;
const SLOWER = 1.5;
/** Fewer ended calls say nothing against a change yet. */
const LEAST_ENDED = 20;

export function measure({ ms, tools }: Digest, tool: string): Measured {
  const own = tools[tool];
  const others = Object.entries(tools)
    .filter(([name]) => name !== tool)
    .reduce((sum, [, one]) => sum + one.ok + one.failed, 0);
  const { ok = 0, failed = 0, calls = 0, meanMs = null } = own ?? {};
  return { ms, ended: ok + failed, failed, calls, sumMs: calls * (meanMs ?? 0), others };
}

/** One of several windows. */
export function together(windows: readonly Measured[]): Measured {
  const sum = (of: (one: Measured) => number): number =>
    windows.reduce((all, one) => all + of(one), 0);
  return {
    ms: sum((one) => one.ms),
    ended: sum((one) => one.ended),
    failed: sum((one) => one.failed),
    calls: sum((one) => one.calls),
    sumMs: sum((one) => one.sumMs),
    others: sum((one) => one.others),
  };
}

/**
 * Whether a raise has proven its gain: more calls of the tool end than before, by more than chance explains (one
 * standard error of the logarithm of two Poisson rates) and by 5 % at least, and nothing else has become worse.
 * Null: too early to say.
 */
export function judge(before: Measured, after: readonly Measured[]): Judgement | null {
  const windows = after.slice(SETTLING_WINDOWS);
  if (windows.length === 0) return null;
  const now = together(windows);
  const effect = effectOf(before, now, windows.length);
  const harm = harmOf(before, now, effect);
  if (harm !== null) return { verdict: "reverted", reason: harm, effect };
  if (windows.length < JUDGED_WINDOWS) return null;
  return effect.gain >= effect.bar
    ? { verdict: "kept", reason: "more calls end than before", effect }
    : { verdict: "reverted", reason: "no gain was proven", effect };
}

function effectOf(before: Measured, now: Measured, windows: number): Effect {
  const rate = ({ ended, ms }: Measured): number => (ms === 0 ? 0 : (ended * 1_000) / ms);
  const beforePerS = rate(before);
  const afterPerS = rate(now);
  const gain = beforePerS === 0 ? (afterPerS > 0 ? Infinity : 1) : afterPerS / beforePerS;
  const error = Math.sqrt(1 / Math.max(1, before.ended) + 1 / Math.max(1, now.ended));
  return {
    beforePerS,
    afterPerS,
    // JSON knows no infinity.
    gain: Math.min(gain, 1_000),
    bar: Math.max(LEAST_GAIN, Math.exp(error)),
    windows,
  };
}

function harmOf(before: Measured, now: Measured, { gain }: Effect): string | null {
  const share = ({ failed, ended }: Measured): number => (ended === 0 ? 0 : failed / ended);
  const mean = ({ sumMs, calls }: Measured): number => (calls === 0 ? 0 : sumMs / calls);
  const others = ({ others: ended, ms }: Measured): number => (ms === 0 ? 0 : ended / ms);
  if (now.ended >= LEAST_ENDED && share(now) > share(before) + MORE_FAILURES)
    return "more calls fail than before";
  if (before.ended >= LEAST_ENDED && gain < WORSE) return "fewer calls end than before";
  if (
    now.calls >= LEAST_ENDED &&
    mean(before) > 0 &&
    mean(now) > SLOWER * mean(before) &&
    gain < 1 / WORSE
  )
    return "calls take longer, and hardly more of them end";
  if (before.others >= LEAST_ENDED && others(now) < WORSE * others(before) && gain < 1 / WORSE)
    return "fewer calls of other tools end than before";
  return null;
}
