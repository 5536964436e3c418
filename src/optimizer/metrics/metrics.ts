import {
  iso,
  HEALTH_BOTTLENECKS,
  HEALTH_LEVELS,
  HEALTH_RESPONSE_MS,
  HEALTH_WEIGHTS,
} from "../../../config/index.ts";
import { Durations } from "../../../queues/index.ts";
import type { Window } from "./window.ts";

/** How well a deployment does. What nothing was measured of is null, never 0. */
export interface Metrics {
  /** End of the window, ISO 8601. */
  readonly at: string;
  readonly windowMs: number;
  /** Calls that ended in it: those that the rates and times are taken of. */
  readonly calls: number;
  /** Tools that were called or that jobs waited for. */
  readonly activeTools: number;
  /** Use by resource, of the machine that uses most of it. */
  readonly utilization: Readonly<Record<string, number | null>>;
  /** Mean duration of calls that went well. */
  readonly responseTimeMs: number | null;
  readonly successRate: number | null;
  readonly errorRate: number | null;
  /** Calls that ended, a second. */
  readonly throughputPerS: number;
  /** Schedule to start: the time that 95 of 100 calls did not exceed. */
  readonly waitP95Ms: number | null;
}

/** Calls that were sent away with a 429 are made again and count neither as good nor as bad. */
export function metricsOf(window: Window): Metrics {
  const tools = [...window.tools.values()];
  const sum = (of: (tool: (typeof tools)[number]) => number): number =>
    tools.reduce((all, tool) => all + of(tool), 0);
  const ok = sum((tool) => tool.ok);
  const failed = sum((tool) => tool.failed);
  const calls = ok + failed;
  const service = Durations.empty();
  const wait = Durations.empty();
  for (const tool of tools) {
    service.add(tool.service);
    wait.add(tool.wait);
  }
  return {
    at: iso(window.atMs),
    windowMs: window.ms,
    calls,
    activeTools: tools.filter((tool) => tool.ok + tool.failed + tool.waiting + tool.active > 0)
      .length,
    utilization: utilizationOf(window),
    responseTimeMs: service.meanMs,
    successRate: calls === 0 ? null : ok / calls,
    errorRate: calls === 0 ? null : failed / calls,
    throughputPerS: window.ms === 0 ? 0 : (calls * 1_000) / window.ms,
    waitP95Ms: wait.percentileMs(95),
  };
}

/** Measured where it can be measured, otherwise what the gate believes. */
function utilizationOf({ machines }: Window): Record<string, number | null> {
  const most: Record<string, number | null> = {};
  for (const { usage, believed } of machines.values())
    for (const name of new Set([...Object.keys(usage), ...Object.keys(believed)])) {
      const use = usage[name] ?? believed[name] ?? null;
      const before = most[name] ?? null;
      most[name] = use === null ? before : Math.max(before ?? 0, use);
    }
  return most;
}

/** What the health score is made of. */
export type HealthParts = Pick<
  Metrics,
  "successRate" | "errorRate" | "responseTimeMs" | "utilization"
> & { readonly bottlenecks: number };

/** A score from 0 to 1, and the word for it. */
export interface HealthScore {
  readonly score: number;
  readonly level: (typeof HEALTH_LEVELS)[number][0] | "critical";
}

const unit = (value: number): number => Math.min(1, Math.max(0, value));

/**
 * The health score: 0.3 success + 0.2 max(0, 1 - response time / 10 s) + 0.2 (1 - largest use)
 * + 0.2 (1 - errors) + 0.1 max(0, 1 - bottlenecks / 10). Uses above 1 count as 1. Null when nothing was called,
 * or no use of any resource is known: a score of guesses would be none.
 */
export function healthScore(parts: HealthParts): HealthScore | null {
  const { successRate, errorRate, responseTimeMs, utilization, bottlenecks } = parts;
  const uses = Object.values(utilization).filter((use) => use !== null);
  if (successRate === null || errorRate === null || uses.length === 0) return null;
  // Where every call failed there is no time of a good one: it is as bad as can be.
  const slow = responseTimeMs === null ? 1 : responseTimeMs / HEALTH_RESPONSE_MS;
  const weights = HEALTH_WEIGHTS;
  const sum =
    weights.success * unit(successRate) +
    weights.responseTime * unit(1 - slow) +
    weights.utilization * unit(1 - Math.max(...uses)) +
    weights.errors * unit(1 - errorRate) +
    weights.bottlenecks * unit(1 - bottlenecks / HEALTH_BOTTLENECKS);
  // The weights add up to 1 but for a hair, in binary.
  const score = Math.round(unit(sum) * 1e9) / 1e9;
  const level = HEALTH_LEVELS.find(([, from]) => score >= from)?.[0] ?? "critical";
  return { score, level };
}
