import { DEGRADATION_BASE_MS, DEGRADATION_LEAST_MS } from "../../../config/index.ts";

/** The mean time of a tool's calls, over how much time with calls it was taken, and when it was called last. Milliseconds. */
type Base = readonly [meanMs: number, ofMs: number, atMs: number];

/** What tools took within the last hour, by tool: plain JSON. */
export type Bases = Readonly<Record<string, Base>>;

interface Calls {
  readonly calls: number;
  /** Null: none went well. */
  readonly meanMs: number | null;
}

/**
 * How much longer calls take than they did within the last hour: what the calls of a window took over what as many
 * of the same tools took on average, so that another mix of tools is no degradation. Null as long as no tool that was
 * called is known for long enough. Older times fade with the hour; what was not called for so long is forgotten.
 */
export function degradationOf(
  bases: Bases,
  tools: Readonly<Record<string, Calls>>,
  { ms: windowMs, atMs }: { readonly ms: number; readonly atMs: number },
): { readonly bases: Bases; readonly ratio: number | null; readonly calls: number } {
  const next: Record<string, Base> = Object.fromEntries(
    Object.entries(bases).filter(([, [, , lastMs]]) => atMs - lastMs <= DEGRADATION_BASE_MS),
  );
  let tookMs = 0;
  let expectedMs = 0;
  let known = 0;
  for (const [tool, { calls, meanMs }] of Object.entries(tools)) {
    if (calls === 0 || meanMs === null) continue;
    const [baseMs, beforeMs, lastMs] = next[tool] ?? [meanMs, 0, atMs];
    const ofMs = beforeMs * Math.exp(-(atMs - lastMs) / DEGRADATION_BASE_MS);
    if (ofMs >= DEGRADATION_LEAST_MS) {
      tookMs += calls * meanMs;
      expectedMs += calls * baseMs;
      known += calls;
    }
    const share = windowMs / Math.max(1, ofMs + windowMs);
    next[tool] = [baseMs + share * (meanMs - baseMs), ofMs + windowMs, atMs];
  }
  return { bases: next, ratio: expectedMs > 0 ? tookMs / expectedMs : null, calls: known };
}
