/** A value and how sure it is (its variance). */
export type Belief = [value: number, variance: number];

/** What is believed about one resource of one machine. */
export interface Background {
  /** Use that no running call explains. */
  readonly belief: Belief;
  /** Variance of what its readings say beyond the model. */
  noise: number;
}

/** A tool that takes part in a window. */
export interface Part {
  readonly belief: Belief;
  readonly declared: number;
  /** Mean number of running calls. */
  readonly running: number;
}

/** One reading of one resource. */
export interface Reading {
  readonly usage: number;
  /** Share of the window in which work waited; 0 when not known. */
  readonly pressure: number;
  readonly windowMs: number;
  /** Another machine lacks nothing: what this one lacks beyond what was expected is not the tools' doing. */
  readonly isApart: boolean;
}

/** The window that the constants below are made for. Milliseconds. */
const WINDOW_MS = 5_000;
/** A declaration is usually right within 40 % (one standard deviation). */
const DECLARED_DOUBT = 0.4;
/** And never known better than 2 %: inputs change, and a filter that is certain learns no more. */
const LEAST_DOUBT = 0.02;
/** A share stays within these multiples of the declared one: no mistake of measuring may starve a tool or let it in without limit. */
const BOUNDS = [0.25, 4] as const;
/** Noise of a reading of 5 s, at first, at least, and at most: standard deviations 4 %, 2 %, 15 % of a machine. */
const NOISE = 0.04 ** 2;
const NOISE_RANGE = [0.02 ** 2, 0.15 ** 2] as const;
/** How fast the noise is learned: from some 20 windows. */
const NOISE_RATE = 0.05;
/** Noise counts twice: a filter without covariances believes each reading too much, most of all noisy ones. */
const CAUTION = 2;
/** A machine of which nothing is known is idle within 5 % (one standard deviation). */
const BACKGROUND_DOUBT = 0.05 ** 2;
/** Background load wanders by 1 % of a machine in a window (one standard deviation); what moves faster is a step. */
const BACKGROUND_DRIFT = 0.01 ** 2;
/** Doubt about the background after a step: 22 % of a machine, so that one window moves it most of the way. */
const BACKGROUND_SURPRISE = 0.05;
/** A reading so many standard deviations away is a step: a neighbor came or went. */
const STEP_SIGMAS = 3;
/**
 * Less background than this is not told from none, and takes no part in what the tools are held for:
 * background is never below zero, so that noise alone would raise it and make all tools look cheaper.
 */
const BACKGROUND_DEAD_ZONE = 0.05;
/** Work waited in more than this share of the window, on a machine that was well used: usage says "at least". */
const SATURATED_PRESSURE = 0.1;
const SATURATED_USAGE = 0.8;
/** Nothing can be read above a full machine, whatever is asked of it. */
const FULL_USAGE = 0.98;
/** What a fully waiting window adds to its reading: demand that is there and cannot be seen. */
const HIDDEN_DEMAND = 0.1;

const clamp = (value: number, [least, most]: readonly [number, number]): number =>
  Math.min(most, Math.max(least, value));

/** A share as it may be believed: within a quarter and four times the declared one, at most a machine. */
export const within = (share: number, declared: number): number =>
  Math.min(1, clamp(share, [BOUNDS[0] * declared, BOUNDS[1] * declared]));

export const declaredBelief = (declared: number): Belief => [
  declared,
  (DECLARED_DOUBT * declared) ** 2,
];

export const noBackground = (): Background => ({ belief: [0, BACKGROUND_DOUBT], noise: NOISE });

/** The background as it is believed: 0 below 5 %. */
export const seenBackground = ({ belief }: Background): number =>
  belief[0] < BACKGROUND_DEAD_ZONE ? 0 : belief[0];

/**
 * Corrects the beliefs by one reading: `usage = background + sum of running x share`. A Kalman filter
 * that keeps variances and no covariances; what runs differs from window to window, and that tells the
 * tools apart. The noise is learned beside it.
 */
export function correct(load: Background, parts: readonly Part[], reading: Reading): void {
  // A longer reading averages noise away, and leaves the background more time to wander.
  const length = reading.windowMs / WINDOW_MS;
  const noise = (CAUTION * load.noise) / length;
  const drifted = load.belief[1] + BACKGROUND_DRIFT * length;
  load.belief[1] = Math.min(BACKGROUND_SURPRISE, drifted);
  let explained = 0;
  let doubt = load.belief[1];
  for (const { running, belief } of parts) {
    explained += running * belief[0];
    doubt += running ** 2 * belief[1];
  }
  let error = reading.usage - explained - load.belief[0];
  const saturated = isSaturated(reading);
  if (saturated && error < 0) return;
  if (saturated) error += HIDDEN_DEMAND * reading.pressure;
  const squared = Math.min(error ** 2, STEP_SIGMAS ** 2 * (doubt + noise));
  const isStep = error ** 2 > squared;
  if (!saturated) {
    const unexplained = (squared - doubt) * length;
    load.noise = clamp(load.noise + NOISE_RATE * (unexplained - load.noise), NOISE_RANGE);
  }
  doubt += noise;
  if (isStep) {
    doubt += BACKGROUND_SURPRISE - load.belief[1];
    load.belief[1] = BACKGROUND_SURPRISE;
  }
  const ignored = load.belief[0] - seenBackground(load);
  const gain = load.belief[1] / doubt;
  load.belief[0] = Math.max(0, load.belief[0] + gain * error);
  load.belief[1] *= 1 - gain;
  if (saturated && reading.isApart) return;
  for (const part of parts) adjust(part, error + ignored, doubt);
}

function isSaturated({ usage, pressure }: Reading): boolean {
  return usage >= FULL_USAGE || (pressure > SATURATED_PRESSURE && usage > SATURATED_USAGE);
}

/** Moves a share by its part of the error. */
function adjust({ belief, declared, running }: Part, error: number, doubt: number): void {
  const gain = (belief[1] * running) / doubt;
  belief[0] = within(belief[0] + gain * error, declared);
  belief[1] = Math.max((LEAST_DOUBT * declared) ** 2, belief[1] * (1 - gain * running));
}
