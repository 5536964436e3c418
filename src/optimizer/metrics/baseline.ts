import {
  BASELINE_GROWTH_MS,
  BASELINE_LEAST,
  BASELINE_USE,
  BASELINE_WINDOWS,
} from "../../../config/index.ts";
import type { Metrics } from "./metrics.ts";

/**
 * The two bottlenecks that the first system named, by its rule, over the last 10 windows when there are
 * at least 3: `response_time_degradation` when the mean response time grows by more than 0.5 s a window,
 * `<resource>_overutilization` above 0.9 in the last one. They are what the findings are compared with.
 */
export function baselineBottlenecks(
  history: readonly Pick<Metrics, "responseTimeMs" | "utilization">[],
): string[] {
  const recent = history.slice(-BASELINE_WINDOWS);
  const found: string[] = [];
  const times = recent.map(({ responseTimeMs }) => responseTimeMs).filter((ms) => ms !== null);
  const [first] = times;
  const last = times.at(-1);
  if (times.length >= BASELINE_LEAST && first !== undefined && last !== undefined)
    if ((last - first) / times.length > BASELINE_GROWTH_MS) found.push("response_time_degradation");
  if (recent.length >= BASELINE_LEAST)
    for (const [resource, use] of Object.entries(recent.at(-1)?.utilization ?? {}))
      if (use !== null && use > BASELINE_USE) found.push(`${resource}_overutilization`);
  return found;
}
