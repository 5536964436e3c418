import type { Digest } from "./digest.ts";
import type { Shapes } from "./shape.ts";

/** Fewer calls that should have come say nothing. */
const LEAST_EXPECTED = 12;
/** So much less than expected, beyond chance, is starving. Normal quantile of 0.95. */
const SHARE = 0.9;
const Z = 1.64;
/** A tool whose jobs wait is not starved. */
const BUSY = 0.4;

/**
 * The tool that another one starves behind: fewer calls arrive than the admitted runs ask for, nothing waits,
 * and a tool before it is a bottleneck itself. Null: it does not starve, or nobody knows what should come.
 *
 * @param bottlenecks Tools that something keeps, the worst first.
 */
export function starvedBehind(
  tool: string,
  windows: readonly Digest[],
  shapes: Shapes,
  bottlenecks: readonly string[],
): string | null {
  const before = new Set<string>();
  let expected = 0;
  for (const { admitted } of windows)
    for (const [hash, runs] of Object.entries(admitted)) {
      const shape = shapes[hash];
      const visits = shape?.visits[tool];
      if (visits === null || shape === undefined) return null;
      expected += runs * (visits ?? 0);
      for (const one of shape.before[tool] ?? []) before.add(one);
    }
  const seen = windows.flatMap(({ tools }) => tools[tool] ?? []);
  const arrivals = seen.reduce((sum, one) => sum + one.arrivals, 0);
  const busy = seen.reduce((sum, one) => sum + one.busy, 0) / Math.max(1, windows.length);
  if (expected < LEAST_EXPECTED || busy >= BUSY) return null;
  if (arrivals >= SHARE * expected - Z * Math.sqrt(expected)) return null;
  return bottlenecks.find((one) => before.has(one)) ?? null;
}
