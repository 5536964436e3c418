/** How a series goes. */
export interface Trend {
  /** Median of the slopes between any two points: so much per step. */
  readonly slope: number;
  readonly direction: "rising" | "falling" | "none";
  /** Points it is taken of. */
  readonly n: number;
}

/** Fewer points have no trend that a test could tell from chance. */
const LEAST_POINTS = 8;
/** Chance at which a trend is believed that is none: two-sided. Normal quantile of 0.975. */
const Z = 1.96;

/**
 * The slope of a series (H. Theil 1950, P. K. Sen 1968), which a few wild points do not move, and whether it
 * is one: the sign test of all pairs (H. B. Mann 1945, M. G. Kendall 1975) at 5 %. Null for fewer than 8 points.
 */
export function trendOf(values: readonly number[]): Trend | null {
  const n = values.length;
  if (n < LEAST_POINTS) return null;
  const slopes: number[] = [];
  let signs = 0;
  for (let i = 0; i < n; i++)
    for (let j = i + 1; j < n; j++) {
      const step = values[j]! - values[i]!;
      slopes.push(step / (j - i));
      signs += Math.sign(step);
    }
  const slope = medianOf(slopes);
  const ties = new Map<number, number>();
  for (const value of values) ties.set(value, (ties.get(value) ?? 0) + 1);
  const pairs = (count: number): number => count * (count - 1) * (2 * count + 5);
  const tied = [...ties.values()].reduce((sum, count) => sum + pairs(count), 0);
  const variance = (pairs(n) - tied) / 18;
  const z = variance <= 0 ? 0 : (signs - Math.sign(signs)) / Math.sqrt(variance);
  const direction = Math.abs(z) <= Z ? "none" : z > 0 ? "rising" : "falling";
  return { slope, direction, n };
}

/** The middle value; of an even number of them the mean of the two. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}
