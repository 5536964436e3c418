import type { Digest } from "../findings/digest.ts";
import type { Adjustment, Effect, Judgement } from "./adjustment.ts";

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
  /** How long jobs waited. Milliseconds. */
  readonly busyMs: number;
}

/** Calls that began before a change end behind it for so many mean times: those windows do not count. */
const SETTLING_MEANS = 2;
const SETTLING_MAX = 12;
/** What is not proven after so many more is taken back. */
const JUDGED_WINDOWS = 3;
/** A gain below this is not worth a change. */
const LEAST_GAIN = 1.05;
/** What is so much worse is taken back at once: calls that end, those of other tools, failures, times. */
const WORSE = 0.85;
const MORE_FAILURES = 0.1;
const SLOWER = 1.5;
/** Jobs wait in so much more of the time than before. */
const MISSED = 0.5;
/** Fewer ended calls say nothing against a change yet. */
const LEAST_ENDED = 20;

export function measure({ ms, tools }: Digest, tool: string): Measured {
  const own = tools[tool];
  const others = Object.entries(tools)
    .filter(([name]) => name !== tool)
    .reduce((sum, [, one]) => sum + one.ok + one.failed, 0);
  const { ok = 0, failed = 0, calls = 0, meanMs = null, busy = 0 } = own ?? {};
  const sumMs = calls * (meanMs ?? 0);
  return { ms, ended: ok + failed, failed, calls, sumMs, others, busyMs: busy * ms };
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
    busyMs: sum((one) => one.busyMs),
  };
}

/**
 * Whether a change may stay. One that the optimizer thought of has to prove its gain: more calls of the tool end than
 * before, by more than chance explains (one standard error of the logarithm of two Poisson rates) and by 5 % at least.
 * More slots make no call faster. If calls became faster meanwhile, something else changed, such as the load of the
 * machine, and what that explains is no gain of the change: so many slots end 1 / (mean time) as many calls.
 * One that somebody asked for, or that is made before jobs wait, stays unless something has become worse. Null: too early to say.
 */
export function judge(
  before: Measured,
  after: readonly Measured[],
  { from, to, asked, ahead }: Pick<Adjustment, "from" | "to" | "asked" | "ahead">,
): Judgement | null {
  const isFree = asked !== undefined || ahead === true;
  const windows = after.slice(settlingOf(before, after));
  if (windows.length === 0) return null;
  const now = together(windows);
  const effect = effectOf(before, now, windows.length, isFree);
  const harm = harmOf(before, now, effect) ?? (to < from ? missedOf(before, now) : null);
  if (harm !== null) return { verdict: "reverted", reason: harm, effect };
  if (windows.length < JUDGED_WINDOWS) return null;
  if (isFree) return { verdict: "kept", reason: "nothing has become worse", effect };
  if (effect.gain < effect.bar)
    return { verdict: "reverted", reason: "no gain was proven", effect };
  return effect.gain * fasterBy(before, now) >= effect.bar
    ? { verdict: "kept", reason: "more calls end than before", effect }
    : { verdict: "reverted", reason: "more calls end because each became faster", effect };
}

/** What is left of the mean time of a call; 1 if calls did not become faster, or too few ended to say. */
function fasterBy(before: Measured, now: Measured): number {
  if (before.calls < LEAST_ENDED || now.calls < LEAST_ENDED) return 1;
  const mean = ({ sumMs, calls }: Measured): number => sumMs / calls;
  return mean(before) === 0 ? 1 : Math.min(1, mean(now) / mean(before));
}

/** What was taken is missed: jobs wait for it now. */
function missedOf(before: Measured, now: Measured): string | null {
  const busy = ({ busyMs, ms }: Measured): number => (ms === 0 ? 0 : busyMs / ms);
  return busy(now) > busy(before) + MISSED ? "jobs wait that did not wait before" : null;
}

/** Whether a gain could be told from chance after as many windows as are judged. */
export function canProve(before: Measured, windows: number, gain: number): boolean {
  const ended = (before.ended * gain * JUDGED_WINDOWS) / Math.max(1, windows);
  return gain >= barOf(before.ended, ended);
}

/** The gain that chance does not explain: one standard error of the logarithm of two Poisson rates, 5 % at least. */
function barOf(before: number, after: number): number {
  return Math.max(
    LEAST_GAIN,
    Math.exp(Math.sqrt(1 / Math.max(1, before) + 1 / Math.max(1, after))),
  );
}

/** One window at least, as the change came in the middle of it. */
function settlingOf({ calls, sumMs }: Measured, after: readonly Measured[]): number {
  const windowMs = after[0]?.ms ?? 0;
  if (calls === 0 || windowMs === 0) return 1;
  const windows = Math.ceil((SETTLING_MEANS * sumMs) / calls / windowMs);
  return Math.min(SETTLING_MAX, Math.max(1, windows));
}

function effectOf(before: Measured, now: Measured, windows: number, isFree: boolean): Effect {
  const rate = ({ ended, ms }: Measured): number => (ms === 0 ? 0 : (ended * 1_000) / ms);
  const beforePerS = rate(before);
  const afterPerS = rate(now);
  const gain = beforePerS === 0 ? (afterPerS > 0 ? Infinity : 1) : afterPerS / beforePerS;
  return {
    beforePerS,
    afterPerS,
    // JSON knows no infinity.
    gain: Math.min(gain, 1_000),
    bar: isFree ? WORSE : barOf(before.ended, now.ended),
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
