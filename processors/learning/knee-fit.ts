/** Calls that ended in one stretch of time at about the same concurrency. */
export interface Stretch {
  readonly atMs: number;
  readonly calls: number;
  /** Mean number of calls at once. */
  readonly concurrency: number;
  /** Mean of the logarithms of the latencies: one call that hangs does not move it much. */
  readonly logLatency: number;
}

/** `log latency = logBase + 1.35 x log max(1, concurrency / knee)`. */
export interface Fit {
  /** Concurrency from which on latency grows with it. */
  readonly knee: number;
  /** The highest knee that fits nearly as well. */
  readonly highest: number;
  readonly logBase: number;
  /** Whether the knee explains what one latency for all stretches would not. */
  readonly visible: boolean;
  /** Whether no knee below what was seen fits better than none. */
  readonly isTop: boolean;
}

/**
 * How latency grows beyond the knee. 1 is a service that shares its capacity evenly, 1.4 one that also
 * loses throughput when it is crowded; which of them it is matters little for where the knee lies.
 */
const SLOPE = 1.35;
/** What was seen a minute and a half ago counts half: services change. */
const HALF_LIFE_MS = 90_000;
/** Sum of squares (in standard deviations) by which a knee has to be better than none. The first calls are few and alike: more is asked of them. */
const EVIDENCE = 4;
const EARLY_EVIDENCE = 8;
const EARLY_CALLS = 300;
/** Knees above what was seen cannot be told apart; a little above is looked at. */
const BEYOND = 1.1;
const LEAST_TOP = 4;
/** Knees up to here are tried one by one, further up in steps of 3 %: it keeps 1,000 calls at once cheap. */
const FINE = 64;
const COARSE_STEP = 1.03;

export interface Prior {
  readonly logBase: number;
  /** Calls that the prior counts for. */
  readonly calls: number;
}

export interface Evidence {
  readonly atMs: number;
  /** Variance of the logarithm of one latency. */
  readonly variance: number;
  /** Calls seen since the beginning. */
  readonly seen: number;
}

/** The model is right within 5 %: no number of calls makes a stretch more certain than that. */
const MODEL_ERROR = 0.05;

/** How much a mean over so many latencies says: one over its variance. */
export function precision(calls: number, variance: number): number {
  return 1 / (variance / calls + MODEL_ERROR ** 2);
}

/** Logarithm of how much slower calls are at this concurrency than at a quiet time. */
export function logInflation(concurrency: number, knee: number): number {
  return SLOPE * Math.log(Math.max(1, concurrency / knee));
}

function knees(top: number): number[] {
  const all: number[] = [];
  for (let knee = 1; knee < top; knee = knee < FINE ? knee + 1 : Math.ceil(knee * COARSE_STEP))
    all.push(knee);
  return [...all, top];
}

/** The knee that explains the stretches best, by trying all. At least one stretch. */
export function fitKnee(stretches: readonly Stretch[], prior: Prior, evidence: Evidence): Fit {
  const weights = stretches.map(
    ({ calls, atMs }) =>
      precision(calls, evidence.variance) * 2 ** (-(evidence.atMs - atMs) / HALF_LIFE_MS),
  );
  const priorWeight = precision(prior.calls, evidence.variance);
  const seen = Math.max(...stretches.map(({ concurrency }) => concurrency));
  const tries = knees(Math.max(LEAST_TOP, Math.ceil(seen * BEYOND))).map((knee) => {
    const quiet = stretches.map(
      ({ logLatency, concurrency }) => logLatency - logInflation(concurrency, knee),
    );
    const total = priorWeight + weights.reduce((sum, weight) => sum + weight, 0);
    const logBase =
      quiet.reduce((sum, value, at) => sum + weights[at]! * value, priorWeight * prior.logBase) /
      total;
    const error = quiet.reduce(
      (sum, value, at) => sum + weights[at]! * (value - logBase) ** 2,
      priorWeight * (logBase - prior.logBase) ** 2,
    );
    return { knee, logBase, error };
  });
  const none = tries.at(-1)!;
  const best = tries.reduce((least, one) => (one.error < least.error ? one : least));
  const highest = tries.findLast(({ error }) => error <= best.error + 1)!.knee;
  const asked = evidence.seen < EARLY_CALLS ? EARLY_EVIDENCE : EVIDENCE;
  return {
    knee: best.knee,
    highest,
    logBase: best.logBase,
    visible: highest < none.knee && none.error - best.error >= asked,
    isTop: best.knee === none.knee,
  };
}
