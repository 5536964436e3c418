/** How long a call of a tool takes. */
export interface ServiceTime {
  /** Mean time of a call, not counting waiting. Milliseconds. */
  readonly ms: number;
  /** Time that 95 of 100 calls do not exceed, if the times are log-normal. Null below 8 samples. Milliseconds. */
  readonly p95Ms: number | null;
  /** Measured calls. 0: `ms` is what the tool's author declared. */
  readonly samples: number;
}

/** The estimate of one tool, as plain JSON. */
interface Estimate {
  samples: number;
  /** Running mean of the measured times. */
  meanMs: number;
  /** Running mean and variance of their logarithms. */
  logMean: number;
  logVariance: number;
}

export type ServiceTimeState = Readonly<Record<string, Readonly<Estimate>>>;

/** The declared time weighs as much as so many measured calls: an author's guess, not nothing. */
const PRIOR_SAMPLES = 5;
/**
 * With so many calls the guess has no weight any more: one that is wrong by a factor of two would still
 * be an error of 14 % beside 30 calls. It is also the memory: later calls replace the oldest ones, so
 * that a tool that became slower is seen after about as many calls.
 */
const MEMORY_SAMPLES = 30;
/** A call is counted with at most so many times the estimate: one that hung says nothing about the next. */
const CLIP = 6;
/** Below this many samples a spread is chance. */
const SPREAD_SAMPLES = 8;
/** Where a normal distribution has 95 % below it, in standard deviations. */
const Z_95 = 1.645;
/** Clocks count milliseconds; the logarithm needs more than zero. */
const LEAST_MS = 0.01;

const isEstimate = (value: Readonly<Estimate>): boolean =>
  [value.samples, value.meanMs, value.logMean, value.logVariance].every(Number.isFinite) &&
  value.samples > 0;

/**
 * Learns how long the calls of each tool take. Pure: no clock, no I/O.
 *
 * The declared time counts as 5 calls and fades until there are 30; then the mean forgets with a memory
 * of 30 calls. With a spread of half the mean the error after 30 calls is about 9 % (one standard deviation).
 */
export class ServiceTimes {
  readonly #declaredMs: (tool: string) => number | undefined;
  readonly #tools = new Map<string, Estimate>();

  /**
   * @param declaredMs The declared time of a tool, undefined when it declares none.
   * @param state What `toJSON` gave earlier; entries that are no estimate are left out.
   */
  constructor(declaredMs: (tool: string) => number | undefined, state: ServiceTimeState = {}) {
    this.#declaredMs = declaredMs;
    for (const [tool, estimate] of Object.entries(state))
      if (isEstimate(estimate)) this.#tools.set(tool, { ...estimate });
  }

  /** Takes in calls that ended, in any order. Times that are negative or no numbers are left out. */
  observe(tool: string, timesMs: readonly number[]): void {
    for (const timeMs of timesMs) if (timeMs >= 0) this.#take(tool, timeMs);
  }

  /** What is believed about a tool; null when it declares nothing and nothing was measured. */
  of(tool: string): ServiceTime | null {
    const declared = this.#declaredMs(tool);
    const known = this.#tools.get(tool);
    if (known === undefined)
      return declared === undefined ? null : { ms: declared, p95Ms: null, samples: 0 };
    const { samples, meanMs, logMean, logVariance } = known;
    // A straight line down to 0, so that no single call moves the estimate by a jump.
    const weight =
      declared === undefined ? 0 : PRIOR_SAMPLES * Math.max(0, 1 - samples / MEMORY_SAMPLES);
    const ms = (weight * (declared ?? 0) + samples * meanMs) / (weight + samples);
    const p95Ms =
      samples < SPREAD_SAMPLES ? null : Math.exp(logMean + Z_95 * Math.sqrt(logVariance));
    return { ms, p95Ms, samples };
  }

  toJSON(): ServiceTimeState {
    return Object.fromEntries([...this.#tools].map(([tool, estimate]) => [tool, { ...estimate }]));
  }

  #take(tool: string, timeMs: number): void {
    const believedMs = this.of(tool)?.ms ?? timeMs;
    const counted = Math.max(LEAST_MS, Math.min(timeMs, CLIP * Math.max(believedMs, LEAST_MS)));
    const log = Math.log(counted);
    const known = this.#tools.get(tool);
    if (known === undefined) {
      this.#tools.set(tool, { samples: 1, meanMs: counted, logMean: log, logVariance: 0 });
      return;
    }
    const share = 1 / Math.min(known.samples + 1, MEMORY_SAMPLES);
    const off = log - known.logMean;
    known.samples += 1;
    known.meanMs += share * (counted - known.meanMs);
    known.logMean += share * off;
    known.logVariance = (1 - share) * (known.logVariance + share * off * off);
  }
}
