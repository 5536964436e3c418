/** Constants of the optimizer. docs/optimizer.md has their sources and reasons. */

/** What a workflow, or a plan of the optimizer, aims at. */
export const TARGETS = [
  "performance",
  "efficiency",
  "reliability",
  "cost",
  "user_experience",
  "balanced",
] as const;
export type Target = (typeof TARGETS)[number];
/** The target of a workflow that names none. */
export const DEFAULT_TARGET = "balanced" satisfies Target;

/** How often the optimizer looks at samples; also the length of a window of samples. Milliseconds. */
export const PASS_MS = 5_000;

/** Weights of the parts of the health score. They add up to 1. */
export const HEALTH_WEIGHTS = {
  success: 0.3,
  responseTime: 0.2,
  utilization: 0.2,
  errors: 0.2,
  bottlenecks: 0.1,
} as const;
/** From this mean response time on, that part of the score is 0. Milliseconds. */
export const HEALTH_RESPONSE_MS = 10_000;
/** From this many bottlenecks on, that part of the score is 0. */
export const HEALTH_BOTTLENECKS = 10;
/** Lowest score of each health level. Below the last one a deployment is critical. */
export const HEALTH_LEVELS = [
  ["excellent", 0.95],
  ["good", 0.8],
  ["acceptable", 0.65],
  ["poor", 0.4],
] as const;

/**
 * Above these an alert is raised: the mean response time (ms), how many times as long calls take as within the last
 * hour, the share of failures, the use of a resource, canary runs in a row that did not complete.
 */
export const ALERT_THRESHOLDS = {
  response_time: 5_000,
  performance_degradation: 1.5,
  error_rate: 0.1,
  resource_utilization: 0.9,
  canary: 1,
} as const;
/** An alert is raised after this many windows above its threshold, and resolved after as many below it. */
export const ALERT_WINDOWS = 2;
/** An alert is resolved below this part of its threshold, so that a value near the threshold does not make it flap. */
export const ALERT_HYSTERESIS = 0.9;
/** A window with fewer calls says nothing about response times and failures. */
export const ALERT_LEAST_CALLS = 5;

/** Durations of calls are compared with this much of the past, once this much of it is known. Milliseconds. */
export const DEGRADATION_BASE_MS = 3_600_000;
export const DEGRADATION_LEAST_MS = 600_000;

/** Windows searched for trends. */
export const TREND_WINDOWS = 50;

/** Windows searched for the two bottlenecks that the first system named. */
export const BASELINE_WINDOWS = 10;
/** Fewer windows say nothing. */
export const BASELINE_LEAST = 3;
/** Growth of the mean response time per window that counts as a degradation. Milliseconds. */
export const BASELINE_GROWTH_MS = 500;
/** Use of a resource above which it counts as overused. */
export const BASELINE_USE = 0.9;
