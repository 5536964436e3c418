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
    const stayed = (1 - kneeMoved) * belief.chance[at]!;
    const came = kneeMoved / KNEES.length;
    const before = stayed + came;
    const mean = (stayed * belief.logBase[at]! + came * all.mean) / before;
    const spread =
      (stayed * (belief.doubt[at]! + (belief.logBase[at]! - mean) ** 2) +
        came * (all.variance + (all.mean - mean) ** 2)) /
        before +
      wandered;
    // A quiet call takes what it took, or something else; or the stretch is a stray one.
    const off = logLatency - mean - logInflation(concurrency, knee);
    const jumped = spread + BASE_JUMP ** 2;
    const same = (1 - baseMoved) * density(off, spread + noise);
    const other = baseMoved * density(off, jumped + noise);
    const stray = STRAY * density(Math.min(FARTHEST, Math.abs(off)), 1);
    const likely = same + other + stray;
    const gains = [spread / (spread + noise), jumped / (jumped + noise)] as const;
    const means = [mean + gains[0] * off, mean + gains[1] * off, mean] as const;
    const spreads = [spread * (1 - gains[0]), jumped * (1 - gains[1]), spread] as const;
    const parts = [same / likely, other / likely, stray / likely] as const;
    const now = parts.reduce((sum, part, which) => sum + part * means[which]!, 0);
    chance.push(before * likely);
    logBase.push(kept(now));
    doubt.push(
      kept(
        parts.reduce(
          (sum, part, which) => sum + part * (spreads[which]! + (means[which]! - now) ** 2),
          0,
        ),
      ),
    );
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

function mixture({ chance, logBase, doubt }: KneeBelief): { mean: number; variance: number } {
  const mean = chance.reduce((sum, share, at) => sum + share * logBase[at]!, 0);
  const variance = chance.reduce(
    (sum, share, at) => sum + share * (doubt[at]! + (logBase[at]! - mean) ** 2),
    0,
  );
  return { mean, variance };
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
