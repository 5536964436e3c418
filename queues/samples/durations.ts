import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
} from "hdr-histogram-js";

/** Longer times count as this long. Milliseconds. */
const LONGEST_MS = 86_400_000;
/** What is told apart: 1 % of the time, and a millisecond. */
const DIGITS = 2;

/**
 * Times of many calls: a histogram (HDR) that is as small with a million of them as with a thousand, and
 * that of several machines is their sum. Values are off by 1 % at most.
 */
export class Durations {
  readonly #histogram: Histogram;

  private constructor(histogram: Histogram) {
    this.#histogram = histogram;
  }

  static empty(): Durations {
    return new Durations(
      build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: LONGEST_MS,
        numberOfSignificantValueDigits: DIGITS,
        bitBucketSize: 32,
      }),
    );
  }

  /** Reads what {@link Durations.encode} wrote. */
  static decode(text: string): Durations {
    const sum = Durations.empty();
    sum.#histogram.add(decodeFromCompressedBase64(text, 32));
    return sum;
  }

  /** The sum of what was written; undefined texts are nothing. */
  static sum(texts: Iterable<string | undefined>): Durations {
    const sum = Durations.empty();
    for (const text of texts)
      if (text !== undefined) sum.#histogram.add(decodeFromCompressedBase64(text, 32));
    return sum;
  }

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(LONGEST_MS, Math.max(0, Math.round(ms))));
  }

  get count(): number {
    return this.#histogram.totalCount;
  }

  /** Milliseconds; null when there is none. */
  get meanMs(): number | null {
    return this.count === 0 ? null : this.#histogram.mean;
  }

  /** The time that so many of 100 do not exceed. Milliseconds; null when there is none. */
  percentileMs(percent: number): number | null {
    return this.count === 0 ? null : this.#histogram.getValueAtPercentile(percent);
  }

  /** As a text for Redis; undefined when there is nothing to write. */
  encode(): string | undefined {
    return this.count === 0 ? undefined : encodeIntoCompressedBase64(this.#histogram);
  }
}
