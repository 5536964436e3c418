import { TREND_WINDOWS } from "../../config/index.ts";
import type { KeptSample } from "../../queues/index.ts";
import { judgeAlerts, NO_ALERTS, type Alert, type AlertState } from "./alerts.ts";
import { baselineBottlenecks } from "./baseline.ts";
import { digestOf } from "./findings/digest.ts";
import { findBottlenecks, NOTHING_FOUND, type FindingState } from "./findings/find.ts";
import type { Finding } from "./findings/finding.ts";
import { healthScore, metricsOf, type HealthScore, type Metrics } from "./metrics.ts";
import { trendOf, type Trend } from "./trend.ts";
import type { Room } from "./tuning/adjustment.ts";
import { NOTHING_TUNED, tune, type Tuned, type TuningState } from "./tuning/tune.ts";
import { windowOf } from "./window.ts";

/** What the optimizer remembers from one pass to the next: plain JSON. */
export interface OptimizerState {
  /** The last sample that was looked at; null before the first. */
  readonly lastId: string | null;
  readonly findings: FindingState;
  readonly alerts: AlertState;
  readonly tuning: TuningState;
  /** Metrics of the last windows, the oldest first. */
  readonly history: readonly Past[];
}

/** What is kept of the metrics of a window. */
type Past = Pick<Metrics, "responseTimeMs" | "errorRate" | "throughputPerS" | "utilization">;

export const NOTHING_KNOWN: OptimizerState = {
  lastId: null,
  findings: NOTHING_FOUND,
  alerts: NO_ALERTS,
  tuning: NOTHING_TUNED,
  history: [],
};

/** A bottleneck, for people and programs. */
export interface Bottleneck extends Omit<Finding, "sinceMs"> {
  /** When it was first seen, ISO 8601. */
  readonly since: string;
}

type TrendName = "responseTimeMs" | "errorRate" | "throughputPerS";

/** What one pass of the optimizer saw; the return value of its job. */
export interface OptimizerReport {
  /** The window: how long, and of how many samples. */
  readonly windowMs: number;
  readonly samples: number;
  readonly metrics: Metrics;
  /** Null: too little is known for a score. */
  readonly health: HealthScore | null;
  /** The worst first. */
  readonly bottlenecks: readonly Bottleneck[];
  /** How metrics went over the last 50 windows, per window; null: too few of them are known. */
  readonly trends: Readonly<Record<TrendName, Trend | null>>;
  /** What the rule of the first system says of the same windows (R104). */
  readonly baseline: readonly string[];
  /** What this pass changed, and what it says of the change before. */
  readonly adjustments: Omit<Tuned, "state">;
  readonly alerts: {
    readonly standing: readonly Alert[];
    readonly raised: readonly Alert[];
    readonly resolved: readonly Alert[];
  };
}

/**
 * One pass: what the samples since the last one say. Null when there are none; then nothing is known more
 * than before. It has no clock and asks nobody.
 */
export function think(
  state: OptimizerState,
  samples: readonly KeptSample[],
  room: Room,
): { readonly state: OptimizerState; readonly report: OptimizerReport } | null {
  const window = windowOf(samples.map(({ sample }) => sample));
  if (window === null) return null;
  const metrics = metricsOf(window);
  const found = findBottlenecks(state.findings, digestOf(window));
  const { state: tuning, ...adjustments } = tune(
    state.tuning,
    found.state.windows,
    found.findings,
    room,
  );
  const alerts = judgeAlerts(state.alerts, metrics);
  const { responseTimeMs, errorRate, throughputPerS, utilization } = metrics;
  const past = { responseTimeMs, errorRate, throughputPerS, utilization };
  const history = [...state.history, past].slice(-TREND_WINDOWS);
  return {
    state: {
      lastId: samples.at(-1)?.id ?? state.lastId,
      findings: found.state,
      alerts: alerts.state,
      tuning,
      history,
    },
    report: {
      windowMs: window.ms,
      samples: window.samples,
      metrics,
      health: healthScore({ ...metrics, bottlenecks: found.findings.length }),
      bottlenecks: found.findings.map(({ sinceMs, ...finding }) => ({
        ...finding,
        since: new Date(sinceMs).toISOString(),
      })),
      trends: trendsOf(history),
      baseline: baselineBottlenecks(history),
      adjustments,
      alerts: {
        standing: alerts.state.standing,
        raised: alerts.raised,
        resolved: alerts.resolved,
      },
    },
  };
}

function trendsOf(history: readonly Past[]): Record<TrendName, Trend | null> {
  const of = (name: TrendName): Trend | null =>
    trendOf(history.map((past) => past[name]).filter((value) => value !== null));
  return {
    responseTimeMs: of("responseTimeMs"),
    errorRate: of("errorRate"),
    throughputPerS: of("throughputPerS"),
  };
}
