/**
 * What is believed of how many calls at once a service carries: a bank of filters, one for each number that it could be
 * and each way in which it could become slower beyond that (interacting multiple models: H. A. P. Blom and Y. Bar-Shalom,
 * IEEE Trans. Automatic Control 33, 1988). Each of them follows what a call of a quiet service would take if it were
 * the true one; how well it foretells what is measured says how likely it is. Pure: no clock, no I/O.
 */

/** Calls that ended in one stretch of time at about the same concurrency. */
export interface Stretch {
  readonly calls: number;
  /** Mean of the logarithms of how many calls were underway at once. */
  readonly logConcurrency: number;
  /** Mean of the logarithms of the latencies: one call that hangs does not move it much. */
  readonly logLatency: number;
  /** The true one is at least, or at most, this: part of the calls' time was before the service changed. Default: it is this. */
  readonly bound?: "least" | "most" | undefined;
  /** Of such a bound: how far off it was (logarithm); the farther beyond it, in this measure, the less likely. Default: all alike. */
  readonly reach?: number | undefined;
  /** Variance of that beyond what the calls' own says: not all of their time was at this concurrency. Default: none. */
  readonly doubt?: number;
}

/** Plain JSON; one number for each of {@link MODELS}. */
export interface KneeBelief {
  /** How likely it is; all together 1. */
  readonly chance: readonly number[];
  /** What a call of a quiet service takes if that is the knee: logarithm, and its variance. */
  readonly logBase: readonly number[];
  readonly doubt: readonly number[];
}

/** A way a service could be. */
interface Model {
  /** Calls at once that it takes without becoming slower. */
  readonly knee: number;
  /** Beyond them calls take (calls at once / knee) ^ exponent as long. */
  readonly exponent: number;
  readonly logKnee: number;
}

/** Knees that are told apart: from 1 up in steps of 8 %. */
const STEP = 1.08;
const KNEES: readonly number[] = Array.from({ length: 85 }, (_, index) => STEP ** index);
/** 1 is a service that shares its capacity evenly; what lies above also loses throughput when it is crowded. */
const EXPONENTS: readonly number[] = [1, 1.35, 1.8, 2.35, 3];
const MODELS: readonly Model[] = EXPONENTS.flatMap((exponent) =>
  KNEES.map((knee) => ({ knee, exponent, logKnee: Math.log(knee) })),
);

/** What each call too many costs at least beyond the knee, as an exponent: politeness, where it costs no throughput. */
const CROWDING = 0.3;
/** How much less likely each knee below what its cap begins with is than each above. */
const BELOW_START = 0.3;
/** Standard deviation of the first stretch: of calls that started together the short ones end first. */
const FIRST_ERROR = 0.3;
/** How long a knee stays where it is, and how long calls of a quiet service take what they took. Mean, milliseconds. */
const KNEE_LASTS_MS = 300_000;
const BASE_LASTS_MS = 2_000_000;
/** A service that becomes another one does it in the same way as before with this chance. */
const SAME_EXPONENT = 0.85;
/** How often a knee drifts by one step to either side. */
const DRIFTS_PER_MS = 0.01 / 1_000;
const DRIFTS_MOST = 0.2;
/** When they take something else: by how much (standard deviation of the logarithm). And what they wander in a minute. */
const BASE_JUMP = 0.7;
const BASE_WANDERS = 0.03;
/** The model is right within 4 %: no number of calls makes a stretch more certain than that. */
const MODEL_ERROR = 0.04;
/** And the less so the more crowded it is: exponents lie between those of the models. */
const EXPONENT_ERROR = 0.1;
/** One stretch in five hundred says nothing about either; a stray one lies this far off (standard deviations of 1). */
const STRAY = 0.002;
const FARTHEST = 6;
/** Of calls that saw a part of a change, any part is as likely: so likelihood falls with what the whole is beyond theirs. */
const BEYOND = 2;
/** Digits that are kept. */
const DIGITS = 5;
/** Models that are less likely do not count in a decision. */
const LEAST_CHANCE = 1e-6;

/** Knees, and the exponent, of the version before: beliefs of it are read too. */
const BEFORE = { knees: 68, step: 1.1 };
const UNTOLD_EXPONENT = 0.3;

/** A belief as it was kept, by this version or the one before; null: by none that is known. */
export function readBelief(kept: KneeBelief | null | undefined): KneeBelief | null {
  if (kept == null || kept.chance.length === MODELS.length) return kept ?? null;
  if (kept.chance.length !== BEFORE.knees) return null;
  const at = MODELS.map(({ logKnee }) =>
    Math.min(BEFORE.knees - 1, Math.round(logKnee / Math.log(BEFORE.step))),
  );
  return {
    chance: shares(at.map((index) => kept.chance[index]!)),
    logBase: at.map((index) => kept.logBase[index]!),
    // What it took for the base depends on an exponent that was not learned.
    doubt: at.map((index) => kept.doubt[index]! + UNTOLD_EXPONENT ** 2),
  };
}

/** What the first stretch says of a service whose cap began so. */
export function firstBelief({ logConcurrency, logLatency }: Stretch, startCap: number): KneeBelief {
  return {
    chance: shares(MODELS.map(({ knee }) => (knee < startCap ? BELOW_START : 1))),
    logBase: MODELS.map((model) => kept(logLatency - logInflation(logConcurrency, model))),
    doubt: MODELS.map(() => FIRST_ERROR ** 2),
  };
}

/** Lets time pass: so long the service had to become another one. */
export function age(belief: KneeBelief, passedMs: number): KneeBelief {
  const moved = 1 - Math.exp(-passedMs / KNEE_LASTS_MS);
  const drifts = Math.min(DRIFTS_MOST, DRIFTS_PER_MS * passedMs);
  const wandered = (BASE_WANDERS ** 2 * passedMs) / 60_000;
  const size = KNEES.length;
  const all = mixture(belief, 0, MODELS.length);
  const chance: number[] = [];
  const logBase: number[] = [];
  const doubt: number[] = [];
  for (let from = 0; from < MODELS.length; from += size) {
    const same = mixture(belief, from, from + size);
    for (let at = from; at < from + size; at++) {
      // It was this one already, or one beside it, or any other, which has become this one.
      const below = at === from ? at : at - 1;
      const above = at === from + size - 1 ? at : at + 1;
      const sum = new Sum();
      const stays = 1 - moved;
      sum.add(
        stays * (1 - 2 * drifts) * belief.chance[at]!,
        belief.logBase[at]!,
        belief.doubt[at]!,
      );
      sum.add(stays * drifts * belief.chance[below]!, belief.logBase[below]!, belief.doubt[below]!);
      sum.add(stays * drifts * belief.chance[above]!, belief.logBase[above]!, belief.doubt[above]!);
      sum.add((moved * SAME_EXPONENT * same.weight) / size, same.mean, same.variance);
      sum.add((moved * (1 - SAME_EXPONENT)) / MODELS.length, all.mean, all.variance);
      chance.push(sum.weight);
      logBase.push(sum.mean);
      doubt.push(sum.variance + wandered);
    }
  }
  return { chance, logBase, doubt };
}

/**
 * Takes in a stretch.
 *
 * @param variance Of the logarithm of one latency.
 * @param passedMs Since the base was asked last.
 */
export function learnStretch(
  belief: KneeBelief,
  { calls, logConcurrency, logLatency, bound, reach, doubt: more = 0 }: Stretch,
  variance: number,
  passedMs: number,
): KneeBelief {
  const least = variance / calls + MODEL_ERROR ** 2 + more;
  const baseMoved = 1 - Math.exp(-passedMs / BASE_LASTS_MS);
  const chance: number[] = [];
  const logBase: number[] = [];
  const doubt: number[] = [];
  for (const [at, model] of MODELS.entries()) {
    const [mean, own] = [belief.logBase[at]!, belief.doubt[at]!];
    const noise = least + (EXPONENT_ERROR * Math.max(0, logConcurrency - model.logKnee)) ** 2;
    const exact = logLatency - mean - logInflation(logConcurrency, model);
    const isWithin = bound === undefined || exact > 0 === (bound === "least");
    const off = isWithin ? exact : 0;
    const beyond =
      isWithin || reach === undefined ? 1 : (reach / (reach + Math.abs(exact))) ** BEYOND;
    const sum = new Sum();
    // A quiet call takes what it took, or something else; or the stretch is a stray one.
    correct(sum, 1 - baseMoved, mean, own, off, noise);
    correct(sum, baseMoved, mean, own + BASE_JUMP ** 2, off, noise);
    sum.add(STRAY * density(Math.min(FARTHEST, Math.abs(off)), 1), mean, own);
    chance.push(belief.chance[at]! * sum.weight * beyond);
    logBase.push(sum.mean);
    doubt.push(sum.variance);
  }
  return { chance: shares(chance), logBase: logBase.map(kept), doubt: doubt.map(kept) };
}

/** What part of the best throughput so many calls at once are believed to bring, one number for each of `caps`. */
export function expectedShares({ chance }: KneeBelief, caps: readonly number[]): number[] {
  const sums = caps.map(() => 0);
  const logCaps = caps.map(Math.log);
  for (const [at, { exponent, logKnee }] of MODELS.entries()) {
    const weight = chance[at]!;
    if (weight < LEAST_CHANCE) continue;
    const slope = -Math.max(CROWDING, exponent - 1);
    for (const [index, logCap] of logCaps.entries()) {
      const beyond = logCap - logKnee;
      sums[index]! += weight * Math.exp(beyond <= 0 ? beyond : slope * beyond);
    }
  }
  return sums;
}

/** What a stretch at so many calls at once is expected to say of latency: logarithm, and its variance. */
export function foretell(
  { chance, logBase, doubt }: KneeBelief,
  logConcurrency: number,
): { readonly mean: number; readonly variance: number } {
  const sum = new Sum();
  for (const [at, model] of MODELS.entries())
    if (chance[at]! >= LEAST_CHANCE)
      sum.add(chance[at]!, logBase[at]! + logInflation(logConcurrency, model), doubt[at]!);
  return sum;
}

/** What so many calls that begin at each of `caps` would tell (nats; as if all that is believed were normal). */
export function information(
  belief: KneeBelief,
  caps: readonly number[],
  variance: number,
  calls: number,
): number[] {
  return caps.map((cap) => {
    const foretold = foretell(belief, Math.log(cap));
    return Math.log(1 + foretold.variance / (variance / calls + MODEL_ERROR ** 2)) / 2;
  });
}

/** How likely it is that so many calls at once are not too many. */
export function chanceOf({ chance }: KneeBelief, cap: number): number {
  const logCap = Math.log(cap);
  return MODELS.reduce(
    (sum, { logKnee }, at) => (logKnee >= logCap - 1e-9 ? sum + chance[at]! : sum),
    0,
  );
}

/** The knee below which the true one lies with this chance. */
export function kneeAt({ chance }: KneeBelief, quantile: number): number {
  let sum = 0;
  for (const [at, knee] of KNEES.entries()) {
    for (let from = 0; from < MODELS.length; from += KNEES.length) sum += chance[from + at]!;
    if (sum >= quantile) return knee;
  }
  return KNEES.at(-1)!;
}

/** What a call of a quiet service is believed to take. Milliseconds. */
export const quietMs = (belief: KneeBelief): number =>
  Math.exp(mixture(belief, 0, MODELS.length).mean);

/** Logarithm of how much slower calls are at this concurrency than at a quiet time. */
function logInflation(logConcurrency: number, { logKnee, exponent }: Model): number {
  return exponent * Math.max(0, logConcurrency - logKnee);
}

/** One normal distribution in the place of several: the same mean, the same variance. */
class Sum {
  weight = 0;
  #first = 0;
  #second = 0;

  add(weight: number, mean: number, variance: number): void {
    this.weight += weight;
    this.#first += weight * mean;
    this.#second += weight * (variance + mean * mean);
  }

  get mean(): number {
    return this.#first / this.weight;
  }

  get variance(): number {
    return Math.max(1e-9, this.#second / this.weight - this.mean ** 2);
  }
}

/** What a quiet call takes (logarithm) over a part of the models. */
function mixture({ chance, logBase, doubt }: KneeBelief, from: number, to: number): Sum {
  const sum = new Sum();
  for (let at = from; at < to; at++) sum.add(chance[at]!, logBase[at]!, doubt[at]!);
  return sum;
}

/** Adds a distribution after a measurement that is so far off; its weight is how well it foretold that. */
function correct(
  sum: Sum,
  weight: number,
  mean: number,
  variance: number,
  off: number,
  noise: number,
): void {
  const gain = variance / (variance + noise);
  sum.add(weight * density(off, variance + noise), mean + gain * off, variance * (1 - gain));
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
