/**
 * What is believed of how many calls at once a service carries: a bank of filters, one for each number that it could be
 * (interacting multiple models: H. A. P. Blom and Y. Bar-Shalom, IEEE Trans. Automatic Control 33, 1988). Each of them
 * follows what a call of a quiet service would take if its number were true; how well it foretells what is measured says
 * how likely the number is. Pure: no clock, no I/O.
 */

/** Calls that ended in one stretch of time at about the same concurrency. */
export interface Stretch {
  readonly calls: number;
  /** Mean number of calls at once. */
  readonly concurrency: number;
  /** Mean of the logarithms of the latencies: one call that hangs does not move it much. */
  readonly logLatency: number;
}

/** Plain JSON; one number for each of {@link KNEES}. */
export interface KneeBelief {
  /** How likely it is; all together 1. */
  readonly chance: readonly number[];
  /** What a call of a quiet service takes if that is the knee: logarithm, and its variance. */
  readonly logBase: readonly number[];
  readonly doubt: readonly number[];
}

/** Knees that are told apart: from 1 up in steps of a tenth. */
const KNEES: readonly number[] = Array.from({ length: 68 }, (_, index) => 1.1 ** index);

/**
 * How latency grows beyond the knee. 1 is a service that shares its capacity evenly, 1.4 one that also
 * loses throughput when it is crowded; which of them it is matters little for where the knee lies.
 */
const SLOPE = 1.35;
/** What each call too many costs beyond the knee, as an exponent: between what such services lose and politeness. */
const CROWDING = 0.5;
/** How much less likely each knee below what its cap begins with is than each above. */
const BELOW_START = 0.3;
/** Standard deviation of the first stretch: of calls that started together the short ones end first. */
const FIRST_ERROR = 0.3;
/** How long a knee stays where it is, and how long calls of a quiet service take what they took. Mean, milliseconds. */
const KNEE_LASTS_MS = 300_000;
const BASE_LASTS_MS = 10_000_000;
/** When they take something else: by how much (standard deviation of the logarithm). And what they wander in a minute. */
const BASE_JUMP = 0.7;
const BASE_WANDERS = 0.03;
/** The model is right within 5 %: no number of calls makes a stretch more certain than that. */
const MODEL_ERROR = 0.05;
/** One stretch in five hundred says nothing about either; a stray one lies this far off (standard deviations of 1). */
const STRAY = 0.002;
const FARTHEST = 6;
/** Calls of a stretch that is yet to come. */
const COMING_CALLS = 25;
/** Digits that are kept. */
const DIGITS = 6;

/** What the first stretch says of a service whose cap began so. */
export function firstBelief({ concurrency, logLatency }: Stretch, startCap: number): KneeBelief {
  const chance = KNEES.map((knee) => (knee < startCap ? BELOW_START : 1));
  return {
    chance: shares(chance),
    logBase: KNEES.map((knee) => kept(logLatency - logInflation(concurrency, knee))),
    doubt: KNEES.map(() => FIRST_ERROR ** 2),
  };
}

/**
 * Takes in a stretch.
 *
 * @param variance Of the logarithm of one latency.
 * @param passedMs Since the stretch before: so long the service had to become another one.
 */
export function learnStretch(
  belief: KneeBelief,
  { calls, concurrency, logLatency }: Stretch,
  variance: number,
  passedMs: number,
): KneeBelief {
  const noise = variance / calls + MODEL_ERROR ** 2;
  const kneeMoved = 1 - Math.exp(-passedMs / KNEE_LASTS_MS);
  const baseMoved = 1 - Math.exp(-passedMs / BASE_LASTS_MS);
  const wandered = (BASE_WANDERS ** 2 * passedMs) / 60_000;
  const all = mixture(belief);
  const chance: number[] = [];
  const logBase: number[] = [];
  const doubt: number[] = [];
  for (const [at, knee] of KNEES.entries()) {
    // It was this one already, or any other, which has become this one.
    const before = merged([
      { weight: (1 - kneeMoved) * belief.chance[at]!, ...baseAt(belief, at) },
      { ...all, weight: kneeMoved / KNEES.length },
    ]);
    const base = { mean: before.mean, variance: before.variance + wandered };
    const off = logLatency - base.mean - logInflation(concurrency, knee);
    // A quiet call takes what it took, or something else; or the stretch is a stray one.
    const same = corrected(base, off, noise);
    const other = corrected({ ...base, variance: base.variance + BASE_JUMP ** 2 }, off, noise);
    const stray = STRAY * density(Math.min(FARTHEST, Math.abs(off)), 1);
    const after = merged([
      { ...same, weight: (1 - baseMoved) * same.weight },
      { ...other, weight: baseMoved * other.weight },
      { ...base, weight: stray },
    ]);
    chance.push(before.weight * after.weight);
    logBase.push(kept(after.mean));
    doubt.push(kept(after.variance));
  }
  return { chance: shares(chance), logBase, doubt };
}

/** What part of the best throughput so many calls at once are believed to bring. */
export function expectedShare({ chance }: KneeBelief, cap: number): number {
  return KNEES.reduce(
    (sum, knee, at) => sum + chance[at]! * (cap <= knee ? cap / knee : (knee / cap) ** CROWDING),
    0,
  );
}

/** What a stretch at so many calls would tell (nats; as if all that is believed were normal). */
export function information(belief: KneeBelief, cap: number, variance: number): number {
  const { chance, logBase, doubt } = belief;
  const expected = KNEES.map((knee, at) => logBase[at]! + logInflation(cap, knee));
  const mean = expected.reduce((sum, value, at) => sum + chance[at]! * value, 0);
  const spread = expected.reduce(
    (sum, value, at) => sum + chance[at]! * ((value - mean) ** 2 + doubt[at]!),
    0,
  );
  return Math.log(1 + spread / (variance / COMING_CALLS + MODEL_ERROR ** 2)) / 2;
}

/** The knee below which the true one lies with this chance. */
export function kneeAt({ chance }: KneeBelief, quantile: number): number {
  let sum = 0;
  for (const [at, knee] of KNEES.entries()) {
    sum += chance[at]!;
    if (sum >= quantile) return knee;
  }
  return KNEES.at(-1)!;
}

/** What a call of a quiet service is believed to take. Milliseconds. */
export const quietMs = (belief: KneeBelief): number => Math.exp(mixture(belief).mean);

/** Logarithm of how much slower calls are at this concurrency than at a quiet time. */
function logInflation(concurrency: number, knee: number): number {
  return SLOPE * Math.log(Math.max(1, concurrency / knee));
}

/** A normal distribution, and how much it counts among others. */
interface Part {
  readonly weight: number;
  readonly mean: number;
  readonly variance: number;
}

/** What a quiet call takes (logarithm) if that is the knee. */
const baseAt = ({ logBase, doubt }: KneeBelief, at: number): Omit<Part, "weight"> => ({
  mean: logBase[at]!,
  variance: doubt[at]!,
});

const mixture = (belief: KneeBelief): Part =>
  merged(belief.chance.map((weight, at) => ({ weight, ...baseAt(belief, at) })));

/** One normal distribution in the place of several: the same mean, the same variance. */
function merged(parts: readonly Part[]): Part {
  const weight = parts.reduce((sum, part) => sum + part.weight, 0);
  const mean = parts.reduce((sum, part) => sum + part.weight * part.mean, 0) / weight;
  const squares = parts.reduce(
    (sum, part) => sum + part.weight * (part.variance + (part.mean - mean) ** 2),
    0,
  );
  return { weight, mean, variance: squares / weight };
}

/** A distribution after a measurement that is so far off; its weight is how well it foretold that. */
function corrected({ mean, variance }: Omit<Part, "weight">, off: number, noise: number): Part {
  const gain = variance / (variance + noise);
  return {
    weight: density(off, variance + noise),
    mean: mean + gain * off,
    variance: variance * (1 - gain),
  };
}

/** Of the normal distribution, but for a factor. */
function density(off: number, variance: number): number {
  return Math.exp(-(off ** 2) / variance / 2) / Math.sqrt(variance);
}

function shares(weights: readonly number[]): number[] {
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => kept(weight / sum));
}

/** Short as text; the same after a way through JSON. */
const kept = (value: number): number => Number(value.toPrecision(DIGITS));
