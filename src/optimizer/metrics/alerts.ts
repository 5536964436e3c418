import {
  ALERT_HYSTERESIS,
  ALERT_LEAST_CALLS,
  ALERT_THRESHOLDS,
  ALERT_WINDOWS,
} from "../../../config/index.ts";
import type { Metrics } from "./metrics.ts";

/** What an alert is about: one of the thresholds; a resource has one of its own. */
type AlertName =
  | "response_time"
  | "performance_degradation"
  | "error_rate"
  | "canary"
  | `resource_utilization:${string}`;

/** How many times as long calls take as within the last hour, and of how many calls; null: nobody knows. */
interface Degradation {
  readonly ratio: number | null;
  readonly calls: number;
}

/** What alerts go by beside the metrics. */
export interface AlertFacts {
  readonly degradation: Degradation;
  /** Null: there is none. */
  readonly canary: { readonly failedInARow: number } | null;
}

/** An alert that stands. */
export interface Alert {
  readonly name: AlertName;
  /** When it was raised, ISO 8601. */
  readonly since: string;
  /** What was measured then, and what it is above of: milliseconds, a share, times what was usual, or runs. */
  readonly value: number;
  readonly threshold: number;
}

/** How often in a row each was above its threshold, or below it while it stands. */
export interface AlertState {
  readonly standing: readonly Alert[];
  readonly rows: Readonly<Record<string, number>>;
}

/** What a window changed. */
export interface AlertChanges {
  readonly state: AlertState;
  readonly raised: readonly Alert[];
  readonly resolved: readonly Alert[];
}

export const NO_ALERTS: AlertState = { standing: [], rows: {} };

/**
 * Raises and resolves alerts, each once: it takes {@link ALERT_WINDOWS} windows in a row above the
 * threshold, and as many below 0.9 of it. A window that says nothing about it changes nothing.
 */
export function judgeAlerts(
  state: AlertState,
  metrics: Metrics,
  { degradation, canary }: AlertFacts,
): AlertChanges {
  const standing = new Map(state.standing.map((alert) => [alert.name, alert]));
  const rows: Record<string, number> = { ...state.rows };
  const raised: Alert[] = [];
  const resolved: Alert[] = [];
  for (const { name, value, threshold } of [
    ...readingsOf(metrics, degradation),
    ...canaryReading(canary),
    ...goneOf(state, metrics),
  ]) {
    const alert = standing.get(name);
    const against = alert === undefined ? value > threshold : value < threshold * ALERT_HYSTERESIS;
    const row = against ? (rows[name] ?? 0) + 1 : 0;
    rows[name] = row < ALERT_WINDOWS ? row : 0;
    if (row < ALERT_WINDOWS) continue;
    if (alert === undefined) {
      const fresh = { name, since: metrics.at, value, threshold };
      standing.set(name, fresh);
      raised.push(fresh);
    } else {
      standing.delete(name);
      resolved.push(alert);
    }
  }
  return { state: { standing: [...standing.values()], rows }, raised, resolved };
}

/** A resource that no machine has any more is used by nobody. */
function goneOf({ standing }: AlertState, { utilization }: Metrics): AlertReading[] {
  const mark = "resource_utilization:";
  return standing
    .filter(({ name }) => name.startsWith(mark) && !(name.slice(mark.length) in utilization))
    .map(({ name, threshold }) => ({ name, value: 0, threshold }));
}

/** One that fails may be chance; one that is turned off alarms nobody. */
const canaryReading = (canary: AlertFacts["canary"]): AlertReading[] => [
  { name: "canary", value: canary?.failedInARow ?? 0, threshold: ALERT_THRESHOLDS.canary },
];

interface AlertReading {
  readonly name: AlertName;
  readonly value: number;
  readonly threshold: number;
}

function readingsOf(metrics: Metrics, degradation: Degradation): AlertReading[] {
  const { responseTimeMs, errorRate, utilization, calls } = metrics;
  const readings: AlertReading[] = [];
  if (calls >= ALERT_LEAST_CALLS) {
    const { response_time, error_rate } = ALERT_THRESHOLDS;
    if (responseTimeMs !== null)
      readings.push({ name: "response_time", value: responseTimeMs, threshold: response_time });
    if (errorRate !== null)
      readings.push({ name: "error_rate", value: errorRate, threshold: error_rate });
  }
  if (degradation.ratio !== null && degradation.calls >= ALERT_LEAST_CALLS)
    readings.push({
      name: "performance_degradation",
      value: degradation.ratio,
      threshold: ALERT_THRESHOLDS.performance_degradation,
    });
  for (const [resource, use] of Object.entries(utilization))
    if (use !== null)
      readings.push({
        name: `resource_utilization:${resource}`,
        value: use,
        threshold: ALERT_THRESHOLDS.resource_utilization,
      });
  return readings;
}
