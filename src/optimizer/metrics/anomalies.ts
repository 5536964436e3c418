import { medianOf } from "./trend.ts";

/** Windows that a tool is compared with. */
const WINDOWS = 60;
/** Fewer say nothing. */
const LEAST_WINDOWS = 12;
/** Fewer calls in a window have no mean and no share of failures worth comparing. */
const LEAST_CALLS = 5;
/** Distance from the median, in robust standard deviations, that is an anomaly (B. Iglewicz, D. Hoaglin 1993). */
const LIMIT = 3.5;
/** A standard deviation is 1 / 0.6745 median absolute deviations of normal values. */
const NORMAL = 0.6745;
/** What varies by less than this is taken to vary by this: a part of the median time, a share of failures. */
const LEAST_TIME_SPREAD = 0.05;
const LEAST_SHARE_SPREAD = 0.02;
/** Times are measured in whole milliseconds. */
const LEAST_TIME_MS = 1;

/** What was measured of a tool in a window. */
interface Measured {
  /** Calls that went well, and their mean time. Milliseconds. */
  readonly calls: number;
  readonly meanMs: number | null;
  readonly ended: number;
  readonly failed: number;
}

interface Memory {
  readonly times: readonly number[];
  readonly shares: readonly number[];
  /** What is unusual already: it is told once. */
  readonly standing: readonly AnomalyOf[];
}

type AnomalyOf = "response_time" | "failure_rate";

/** Plain JSON. */
export type AnomalyState = Readonly<Record<string, Memory>>;

/** Something that is not as it usually is. */
export interface Anomaly {
  readonly tool: string;
  readonly of: AnomalyOf;
  /** Milliseconds, or a share. */
  readonly value: number;
  readonly median: number;
  /** Robust standard deviations from the median. */
  readonly z: number;
  /** Windows it was compared with. */
  readonly n: number;
}

/** Compares a window with those before it. What is unusual is told once, until it is usual again. */
export function findAnomalies(
  state: AnomalyState,
  tools: Readonly<Record<string, Measured>>,
): { readonly state: AnomalyState; readonly anomalies: readonly Anomaly[] } {
  const next: Record<string, Memory> = { ...state };
  const anomalies: Anomaly[] = [];
  for (const [tool, { calls, meanMs, ended, failed }] of Object.entries(tools)) {
    const before = state[tool] ?? { times: [], shares: [], standing: [] };
    const time = calls < LEAST_CALLS ? null : meanMs;
    const share = ended < LEAST_CALLS ? null : failed / ended;
    const found = [
      ...unusual(tool, "response_time", time, before.times),
      ...unusual(tool, "failure_rate", share, before.shares),
    ];
    anomalies.push(...found.filter((one) => !before.standing.includes(one.of)));
    const standing = found.map((one) => one.of);
    const unknown = before.standing.filter(
      (of) => (of === "response_time" ? time : share) === null,
    );
    next[tool] = {
      times: append(before.times, time),
      shares: append(before.shares, share),
      standing: [...new Set([...standing, ...unknown])],
    };
  }
  return { state: next, anomalies };
}

const append = (list: readonly number[], value: number | null): readonly number[] =>
  value === null ? list : [...list, value].slice(-WINDOWS);

function unusual(
  tool: string,
  of: AnomalyOf,
  value: number | null,
  before: readonly number[],
): Anomaly[] {
  if (value === null || before.length < LEAST_WINDOWS) return [];
  const median = medianOf(before);
  const deviation = medianOf(before.map((one) => Math.abs(one - median))) / NORMAL;
  const least =
    of === "response_time"
      ? Math.max(LEAST_TIME_MS, LEAST_TIME_SPREAD * median)
      : LEAST_SHARE_SPREAD;
  const z = (value - median) / Math.max(deviation, least);
  return Math.abs(z) > LIMIT ? [{ tool, of, value, median, z, n: before.length }] : [];
}
