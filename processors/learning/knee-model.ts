import { type Fit, fitKnee, logInflation, precision, type Stretch } from "./knee-fit.ts";

/** Why a cap is what it is. */
export type KneeReason =
  /** No knee seen yet; as long as calls stay fast and more are wanted, the cap grows by half. */
  | "slow_start"
  /** No knee seen up to the ceiling: no cap. */
  | "no_knee"
  /** A little above the knee: there a knee that rises is seen as calls that become faster. */
  | "at_knee"
  /** A knee was found and nothing seen below it: it may be lower. */
  | "look_below"
  /** Work waits: perhaps the service can take more than it could. */
  | "look_above"
  /** The service said 429. */
  | "throttled";

/** Calls that ended since the last decision. */
export interface Buffer {
  sinceMs: number;
  calls: number;
  bound: number;
  concurrency: number;
  log: number;
  logSquares: number;
}

/** A look below the knee: the stretch it started from, its cap, whether it has seen what it looked for. */
interface Look {
  from: Stretch;
  cap: number;
  isOver: boolean;
}

/** All that is known, as plain JSON. */
export interface KneeState {
  cap: number | null;
  reason: KneeReason;
  /** What 429s leave of the cap; it grows back. */
  limit: number | null;
  buffer: Buffer | null;
  history: Stretch[];
  fit: Fit | null;
  /** Whether the first stretch is behind. */
  warm: boolean;
  decidedMs: number;
  /** A knee was visible, and nothing has contradicted it since. */
  known: boolean;
  /** A knee was visible at some time. */
  found: boolean;
  /** What a call takes when the service is quiet, from all that was ever seen; logarithm. */
  logBase: number | null;
  variance: number;
  seen: number;
  /** Calls since the service last changed. */
  seenSince: number;
  slower: number;
  faster: number;
  lookedAboveMs: number | null;
  lookedBelowMs: number | null;
  /** A look below the knee that is under way: the stretch it started from, and its cap. */
  look: Look | null;
  throttledMs: number | null;
}

/** From here on above the knee a faster service can be told from a quiet one. */
export const TELLING = 1.08;
/** CUSUM: what a stretch may be off (standard deviations), what a single one counts at most, and what sums are a change. */
const SLACK = 0.5;
const MOST_SIGMAS = 6;
const SLOWER_ALARM = 4.5;
const FASTER_ALARM = 3.5;
const HISTORY = 40;
/** The first 150 calls move the quiet latency fast, later ones slowly: it must not follow an overload. */
const EARLY_CALLS = 150;
const PRIOR_CALLS = { early: 5, later: 20 };
const BASE_RATE = { early: 0.3, later: 0.15 };
/** How much a look below tells of the quiet latency: most of it after a change, some of it later. */
const LOOK_RATE = { early: 0.8, later: 0.3 };
/** Below this part of the knee calls are as fast as they can be. */
export const BELOW = 0.95;
/** A look begins when no more calls run than its cap allows, about. */
export const SETTLED = 1.15;
/** Times vary at least by 20 %, and by 30 % as long as few were seen. */
const LEAST_VARIANCE = 0.2 ** 2;
const FIRST_VARIANCE = 0.3 ** 2;
const VARIANCE_RATE = 0.1;

export const fresh = (cap: number): KneeState => ({
  cap,
  reason: "slow_start",
  limit: null,
  buffer: null,
  history: [],
  fit: null,
  warm: false,
  decidedMs: 0,
  known: false,
  found: false,
  logBase: null,
  variance: FIRST_VARIANCE,
  seen: 0,
  seenSince: 0,
  slower: 0,
  faster: 0,
  lookedAboveMs: null,
  lookedBelowMs: null,
  look: null,
  throttledMs: null,
});

/** Takes in a stretch: whether the service changed, and how it is now. */
export function learn(state: KneeState, stretch: Stretch, variance: number): Fit {
  if (state.logBase === null) {
    state.logBase = stretch.logLatency;
    state.variance = Math.max(FIRST_VARIANCE, variance);
  }
  state.variance += VARIANCE_RATE * (Math.max(LEAST_VARIANCE, variance) - state.variance);
  state.seen += stretch.calls;
  state.seenSince += stretch.calls;
  compare(state, stretch);
  return refit(state, stretch);
}

/** Watches for a change of the service: sums what stretches are off the fit. A change empties the history. */
function compare(state: KneeState, { calls, concurrency, logLatency }: Stretch): void {
  const { fit, known } = state;
  if (fit === null || !known) return;
  const expected = fit.logBase + logInflation(concurrency, fit.knee);
  const off = (logLatency - expected) * Math.sqrt(precision(calls, state.variance));
  const sigmas = Math.min(MOST_SIGMAS, Math.max(-MOST_SIGMAS, off));
  state.slower = Math.max(0, state.slower + sigmas - SLACK);
  if (concurrency > TELLING * fit.knee) state.faster = Math.max(0, state.faster - sigmas - SLACK);
  if (state.slower <= SLOWER_ALARM && state.faster <= FASTER_ALARM) return;
  const isAgain = state.slower > SLOWER_ALARM && state.seenSince < EARLY_CALLS;
  Object.assign(state, { slower: 0, faster: 0 });
  // Slower still although fewer call: what was seen since the change shows that it is not the crowd.
  if (isAgain) return;
  Object.assign(state, {
    history: [],
    seenSince: 0,
    known: false,
    lookedBelowMs: null,
    look: null,
  });
}

function refit(state: KneeState, stretch: Stretch): Fit {
  state.history = [...state.history, stretch].slice(-HISTORY);
  const age = state.seenSince < EARLY_CALLS ? "early" : "later";
  const logBase = learnFromLook(state.look, stretch, state.logBase ?? stretch.logLatency, age);
  const prior = { logBase, calls: PRIOR_CALLS[age] };
  const fit = fitKnee(state.history, prior, { ...state, atMs: stretch.atMs });
  // At or above the knee a service that became slower and one that is crowded look alike.
  const isTold = !state.known || stretch.concurrency < BELOW * fit.knee;
  state.logBase = isTold ? logBase + BASE_RATE[age] * (fit.logBase - logBase) : logBase;
  state.fit = fit;
  // Evidence ages; a knee that was seen stays until something speaks against it.
  state.found ||= fit.visible;
  state.known = fit.visible || (state.known && !fit.isTop);
  if (!state.known) state.look = null;
  return fit;
}

/** The quiet latency after a look below the knee. */
function learnFromLook(
  look: Look | null,
  stretch: Stretch,
  logBase: number,
  age: "early" | "later",
): number {
  if (look === null || stretch.concurrency > look.cap * SETTLED) return logBase;
  const drop = look.from.logLatency - stretch.logLatency;
  const expected = logInflation(look.from.concurrency, stretch.concurrency);
  look.isOver = drop < expected / 2 || look.cap === 1;
  look.from = stretch;
  const off = stretch.logLatency - logBase;
  // As fast as above: this is quiet. Faster: perhaps not yet, but quiet is no slower than this.
  return logBase + LOOK_RATE[age] * (look.isOver ? off : Math.min(0, off));
}
