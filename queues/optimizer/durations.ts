import type { Histogram } from "hdr-histogram-js";

import { packages } from "../../config/index.ts";

/** Longer times count as this long. Milliseconds. */
const LONGEST_MS = 86_400_000;
/** Significant digits: a resolution of 1 % of the time, and a millisecond. */
const DIGITS = 2;
/** Up to this many times are stored exactly. That is cheaper than a histogram to write and to read. */
const FEW = 64;
/** Begins the text of a list of exact times. The base 64 of a histogram never begins like this. */
const MARK = ":";

/**
 * Times of many calls: exact while they are few, then a histogram (HDR) that is as small for a million times as for a
 * thousand. Those of several machines can be added. Values are off by 1 % at most.
 */
export class Durations {
  #values: number[] | null;
  #histogram: Histogram | null;

  private constructor(values: number[] | null, histogram: Histogram | null) {
    this.#values = values;
    this.#histogram = histogram;
  }

  static empty(): Durations {
    return new Durations([], null);
  }

  /** Reads what {@link Durations.encode} wrote. */
  static decode(text: string): Durations {
    if (!text.startsWith(MARK))
      return new Durations(null, packages.hdrHistogram().decodeFromCompressedBase64(text, 32));
    return new Durations(text.slice(MARK.length).split(",").map(Number), null);
  }

  /** The sum of encoded texts; undefined counts as empty. */
  static sum(texts: Iterable<string | undefined>): Durations {
    const sum = Durations.empty();
    for (const text of texts) if (text !== undefined) sum.add(Durations.decode(text));
    return sum;
  }

  record(ms: number): void {
    const value = Math.min(LONGEST_MS, Math.max(0, Math.round(ms)));
    if (this.#values !== null && this.#values.length < FEW) this.#values.push(value);
    else this.#asHistogram().recordValue(value);
  }

  add(other: Durations): void {
    if (other.#values !== null) for (const value of other.#values) this.record(value);
    else if (other.#histogram !== null) this.#asHistogram().add(other.#histogram);
  }

  get count(): number {
    return this.#values?.length ?? this.#histogram?.totalCount ?? 0;
  }

  /** Milliseconds; null if there are no times. */
  get meanMs(): number | null {
    if (this.count === 0) return null;
    if (this.#values === null) return this.#histogram?.mean ?? null;
    return this.#values.reduce((sum, value) => sum + value, 0) / this.#values.length;
  }

  /** The time that `percent` of 100 do not exceed. Milliseconds; null if there are none. */
  percentileMs(percent: number): number | null {
    if (this.count === 0) return null;
    if (this.#values === null) return this.#histogram?.getValueAtPercentile(percent) ?? null;
    const sorted = this.#values.toSorted((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? null;
  }

  /** Encodes the times for Redis; undefined if there are none. */
  encode(): string | undefined {
    if (this.count === 0) return undefined;
    if (this.#values !== null) return `${MARK}${this.#values.join(",")}`;
    return this.#histogram === null
      ? undefined
      : packages.hdrHistogram().encodeIntoCompressedBase64(this.#histogram);
  }

  #asHistogram(): Histogram {
    const histogram =
      this.#histogram ??
      packages.hdrHistogram().build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: LONGEST_MS,
        numberOfSignificantValueDigits: DIGITS,
        bitBucketSize: 32,
      });
    for (const value of this.#values ?? []) histogram.recordValue(value);
    this.#values = null;
    this.#histogram = histogram;
    return histogram;
  }
}
