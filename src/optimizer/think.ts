import { iso, TREND_WINDOWS } from "../../config/index.ts";
import type { KeptSample } from "../../queues/client.ts";
import { digestOf, type Digest } from "./findings/digest.ts";
import { findBottlenecks, NOTHING_FOUND, type FindingState } from "./findings/find.ts";
import type { Finding } from "./findings/finding.ts";
import type { Shapes } from "./findings/shape.ts";
import { judgeAlerts, NO_ALERTS, type Alert, type AlertState } from "./metrics/alerts.ts";
import { findAnomalies, type Anomaly, type AnomalyState } from "./metrics/anomalies.ts";
import { baselineBottlenecks } from "./metrics/baseline.ts";
import { learnRepeats, type CacheHint, type RepeatState } from "./metrics/cache-hints.ts";
import type { Canary } from "./metrics/canary.ts";
import { degradationOf, type Bases } from "./metrics/degradation.ts";
import {
  forecastOf,
  learnForecast,
  type Forecast,
  type ForecastState,
} from "./metrics/forecast.ts";
import { healthScore, metricsOf, type HealthScore, type Metrics } from "./metrics/metrics.ts";
import { trendOf, type Trend } from "./metrics/trend.ts";
import { windowOf } from "./metrics/window.ts";
import { aimsOf, learnAims, type AimState, type Aims } from "./planning/aims.ts";
import type { Wish } from "./tuning/adjustment.ts";
import {
  NO_CAPS,
  watchCaps,
  type CapState,
  type LearnedCap,
  type WatchedCaps,
} from "./tuning/caps.ts";
import { NOTHING_TUNED, type TuningState } from "./tuning/state.ts";
import { tune, type Bounds, type Tuned } from "./tuning/tune.ts";

/** What the optimizer remembers from one pass to the next: plain JSON. */
export interface OptimizerState {
  /** The last sample that was looked at; null before the first. */
  readonly lastId: string | null;
  /** It was turned off: passes do nothing. */
  readonly off?: boolean;
  /** Passes say what they would change, and change nothing. */
  readonly dryRun?: boolean;
  readonly findings: FindingState;
  readonly alerts: AlertState;
  /** What the last pass raised and resolved: the next one makes sure that it was told. */
  readonly unannounced?: readonly {
    readonly alert: Alert;
    readonly what: "raised" | "resolved";
  }[];
  /** What tools took within the last hour; none: the state is of an older version. */
  readonly bases?: Bases;
  readonly tuning: TuningState;
  /** What runs aim at, how many windows ago a plan was made for that, and what it asked for. None: an older version's. */
  readonly aims?: {
    readonly asked: AimState;
    readonly windows: number;
    readonly planned: readonly Wish[];
  };
  /** None: the state is of an older version. */
  readonly caps?: CapState;
  /** None: the state is of an older version. */
  readonly repeats?: RepeatState;
  readonly anomalies: AnomalyState;
  /** Of the arrivals of each tool a second. */
  readonly forecasts: Readonly<Record<string, ForecastState>>;
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
  anomalies: {},
  forecasts: {},
  history: [],
};

/** A bottleneck, for people and programs. */
export interface Bottleneck extends Omit<Finding, "sinceMs"> {
  /** When it was first seen, ISO 8601. */
  readonly since: string;
}

type TrendName = "responseTimeMs" | "errorRate" | "throughputPerS";

/** A tool to which less comes in a window is not foretold. */
const LEAST_LEVEL = 0.001;

/** Passes that come after so many times their interval are late, and so is what leaves out more than one. */
const LATE = 2;

/** How late a pass was. Milliseconds. */
interface Lateness {
  /** Since the pass before. */
  readonly afterMs: number;
  /** What of that no sample tells of. */
  readonly unseenMs: number;
}

/** Reports of another version are not read: what they do not have nobody has to think of. */
export const REPORT_VERSION = 4;

/** What one pass of the optimizer saw; the return value of its job. */
export interface OptimizerReport {
  readonly version: typeof REPORT_VERSION;
  /** The window: how long, and of how many samples. */
  readonly windowMs: number;
  readonly samples: number;
  readonly metrics: Metrics;
  /** The pass came late, or not all of the time before it was looked at; null: neither. */
  readonly late: Lateness | null;
  /** How many times as long calls take as within the last hour; null: less than ten minutes of it are known. */
  readonly degradation: number | null;
  /** What the canary says; null: there is none, or nothing is known of it yet. */
  readonly canary: Canary | null;
  /** Null: too little is known for a score. */
  readonly health: HealthScore | null;
  /** The worst first. */
  readonly bottlenecks: readonly Bottleneck[];
  /** How metrics went over the last 50 windows, per window; null: too few of them are known. */
  readonly trends: Readonly<Record<TrendName, Trend | null>>;
  /** What the rule of the first system says of the same windows. */
  readonly baseline: readonly string[];
  /** What has become unusual. */
  readonly anomalies: readonly Anomaly[];
  /** Arrivals a second in the next window, by tool; tools of which too little is known are left out. */
  readonly forecasts: Readonly<Record<string, Forecast>>;
  /** What this pass changed, what it says of the change before, and what is still to be made of what was asked for. */
  readonly adjustments: Omit<Tuned, "state"> & { readonly wishes: readonly Wish[] };
  /** Tools whose runs aim at something of their own, and what the last plan for that has asked for. */
  readonly aims: { readonly targets: Aims; readonly planned: readonly Wish[] };
  /** Caps of services that the learner of the gate has moved, and what moves before did. */
  readonly caps: Pick<WatchedCaps, "learned" | "measured">;
  /** Tools whose results may be worth keeping, what could be spared most first. */
  readonly cacheHints: readonly CacheHint[];
  readonly alerts: {
    readonly standing: readonly Alert[];
    readonly raised: readonly Alert[];
    readonly resolved: readonly Alert[];
  };
}

/** What a pass has to know beside the samples. */
export interface Facts extends Bounds {
  /** How often passes come. Milliseconds. */
  readonly intervalMs: number;
  /** Shapes of the workflows whose runs were admitted lately, by the hash of their definition. */
  readonly shapes: Shapes;
  /** Null: there is none, or nothing is known of it yet. */
  readonly canary: Canary | null;
  /** How many calls at once services carry, by tool. */
  readonly caps: Readonly<Record<string, LearnedCap>>;
}

/**
 * One pass: what the samples since the last one say. Null when there are none; then nothing is known more
 * than before. It has no clock and asks nobody.
 */
export function think(
  state: OptimizerState,
  samples: readonly KeptSample[],
  facts: Facts,
): { readonly state: OptimizerState; readonly report: OptimizerReport } | null {
  const window = windowOf(samples.map(({ sample }) => sample));
  if (window === null) return null;
  const metrics = metricsOf(window);
  const digest = digestOf(window);
  const found = findBottlenecks(state.findings, digest, facts.shapes);
  const unusual = findAnomalies(state.anomalies, anomalyInput(digest));
  const forecasts = learnArrivals(state.forecasts, digest);
  const asked = learnAims(state.aims?.asked ?? {}, window, facts);
  const aims = aimsOf(asked);
  const planned = (state.aims?.planned ?? []).filter(({ tool, target }) => aims[tool] === target);
  const { state: tuning, ...adjustments } = tune(
    state.tuning,
    found.state.windows,
    found.findings,
    { ...facts, aims, coming: { forecasts, tools: found.state.tools } },
  );
  const { bases, ...degradation } = degradationOf(state.bases ?? {}, digest.tools, window);
  const { state: repeats, hints } = learnRepeats(state.repeats ?? {}, digest.tools, window.ms);
  const {
    state: caps,
    lastId,
    ...moved
  } = watchCaps(state.caps ?? NO_CAPS, facts.caps, digest.atMs, tuning.lastId);
  const alerts = judgeAlerts(state.alerts, metrics, { degradation, canary: facts.canary });
  const { responseTimeMs, errorRate, throughputPerS, utilization } = metrics;
  const past = { responseTimeMs, errorRate, throughputPerS, utilization };
  const history = [...state.history, past].slice(-TREND_WINDOWS);
  return {
    state: {
      dryRun: state.dryRun ?? false,
      lastId: samples.at(-1)?.id ?? state.lastId,
      findings: found.state,
      alerts: alerts.state,
      unannounced: [
        ...alerts.raised.map((alert) => ({ alert, what: "raised" as const })),
        ...alerts.resolved.map((alert) => ({ alert, what: "resolved" as const })),
      ],
      bases,
      tuning: { ...tuning, lastId },
      aims: { asked, windows: (state.aims?.windows ?? 0) + 1, planned },
      caps,
      repeats,
      anomalies: unusual.state,
      forecasts,
      history,
    },
    report: {
      version: REPORT_VERSION,
      windowMs: window.ms,
      samples: window.samples,
      metrics,
      late: latenessOf(state.findings.windows.at(-1), digest, facts.intervalMs),
      degradation: degradation.ratio,
      canary: facts.canary,
      health: healthScore({ ...metrics, bottlenecks: found.findings.length }),
      bottlenecks: found.findings.map(({ sinceMs, ...finding }) => ({
        ...finding,
        since: iso(sinceMs),
      })),
      trends: trendsOf(history),
      baseline: baselineBottlenecks(history),
      anomalies: unusual.anomalies,
      forecasts: foretold(forecasts),
      adjustments: { ...adjustments, wishes: tuning.wishes ?? [] },
      aims: { targets: aims, planned },
      caps: moved,
      cacheHints: hints,
      alerts: {
        standing: alerts.state.standing,
        raised: alerts.raised,
        resolved: alerts.resolved,
      },
    },
  };
}

function latenessOf(
  before: Digest | undefined,
  { atMs, ms }: Digest,
  intervalMs: number,
): Lateness | null {
  if (before === undefined) return null;
  const afterMs = atMs - before.atMs;
  const unseenMs = Math.max(0, afterMs - ms);
  return afterMs > LATE * intervalMs || unseenMs > intervalMs ? { afterMs, unseenMs } : null;
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

function anomalyInput({ tools }: Digest): Parameters<typeof findAnomalies>[1] {
  return Object.fromEntries(
    Object.entries(tools).map(([tool, { calls, meanMs, ok, failed }]) => [
      tool,
      { calls, meanMs, failed, ended: ok + failed },
    ]),
  );
}

/** Tools to which nothing came count with 0 as long as they are remembered. */
function learnArrivals(
  before: OptimizerState["forecasts"],
  { tools, ms }: Digest,
): Record<string, ForecastState> {
  const names = new Set([...Object.keys(before), ...Object.keys(tools)]);
  const next: Record<string, ForecastState> = {};
  for (const tool of names) {
    const state = learnForecast(before[tool], ((tools[tool]?.arrivals ?? 0) * 1_000) / ms);
    // Nothing came for so long that there is nothing to foretell.
    if (state.level > LEAST_LEVEL) next[tool] = state;
  }
  return next;
}

function foretold(states: Readonly<Record<string, ForecastState>>): Record<string, Forecast> {
  const forecasts: Record<string, Forecast> = {};
  for (const [tool, state] of Object.entries(states)) {
    const forecast = forecastOf(state);
    if (forecast !== null) forecasts[tool] = forecast;
  }
  return forecasts;
}
