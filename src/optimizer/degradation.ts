import { DEGRADATION_BASE_MS, DEGRADATION_LEAST_MS } from "../../config/index.ts";

/** The mean time of a tool's calls, and over how much time it was taken, up to the base. Milliseconds. */
type Base = readonly [meanMs: number, ofMs: number];

/** What tools took within the last hour, by tool: plain JSON. */
export type Bases = Readonly<Record<string, Base>>;

interface Calls {
  readonly calls: number;
  /** Null: none went well. */
  readonly meanMs: number | null;
}

/**
 * How much longer calls take than they did within the last hour (R107): what the calls of a window took over what as many
 * of the same tools took on average, so that another mix of tools is no degradation. Null as long as no tool that was
 * called is known for long enough. The average moves with the share of the hour that a window is.
 */
export function degradationOf(
  bases: Bases,
  tools: Readonly<Record<string, Calls>>,
  windowMs: number,
): { readonly bases: Bases; readonly ratio: number | null; readonly calls: number } {
  const next: Record<string, Base> = { ...bases };
  let tookMs = 0;
  let expectedMs = 0;
  let known = 0;
  for (const [tool, { calls, meanMs }] of Object.entries(tools)) {
    if (calls === 0 || meanMs === null) continue;
    const [baseMs, beforeMs] = bases[tool] ?? [meanMs, 0];
    if (beforeMs >= DEGRADATION_LEAST_MS) {
      tookMs += calls * meanMs;
      expectedMs += calls * baseMs;
      known += calls;
    }
    const ofMs = Math.min(DEGRADATION_BASE_MS, beforeMs + windowMs);
    const share = Math.min(1, windowMs / Math.max(1, ofMs));
    next[tool] = [baseMs + share * (meanMs - baseMs), ofMs];
  }
  return { bases: next, ratio: expectedMs > 0 ? tookMs / expectedMs : null, calls: known };
}
