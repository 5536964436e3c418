import type { Due } from "../../../config/index.ts";

/** What happens to firings that were missed. */
export const CATCH_UPS = ["none", "one", "all"] as const;
export type CatchUp = (typeof CATCH_UPS)[number];

/** Most firings that a schedule makes up for at once. Older ones are dropped. */
export const MAX_CAUGHT_UP = 100;

/** The latest firing counts as on time if it is at most this late. Every older one was missed. Milliseconds. */
export const ON_TIME_MS = 60_000;

/** A run to start. */
interface Firing {
  /** Milliseconds since 1970. */
  readonly plannedMs: number;
  /** How many missed firings the same run covers. */
  readonly covers: number;
}

/** What a schedule does about the firings that are due. */
export interface CatchUpPlan {
  /** Firings without a run, all planned before the others; `untilMs` is the latest. */
  readonly dropped: { readonly count: number; readonly untilMs: number } | null;
  /** In the order in which they were planned. */
  readonly firings: readonly Firing[];
}

/**
 * Decides about the firings that are due. A firing that is on time always starts a run. Missed ones older than the
 * window are dropped. Of the others, `none` drops all, `one` starts one run for them and for a firing that is on time,
 * and `all` starts one run each.
 */
export function planCatchUp(
  due: Due,
  nowMs: number,
  policy: { readonly catchUp: CatchUp; readonly catchUpWindowMs: number },
): CatchUpPlan {
  const latest = due.times.at(-1);
  if (latest === undefined) return { dropped: null, firings: [] };
  const onTime = nowMs - latest <= ON_TIME_MS;
  const kept = due.times.filter(
    (time) =>
      (onTime && time === latest) ||
      (policy.catchUp !== "none" && nowMs - time <= policy.catchUpWindowMs),
  );
  const dropped = due.times.slice(0, due.times.length - kept.length);
  const count = due.earlier + dropped.length;
  const [first = latest] = due.times;
  return {
    dropped: count === 0 ? null : { count, untilMs: dropped.at(-1) ?? first - 1 },
    firings:
      policy.catchUp === "one" && kept.length > 0
        ? [{ plannedMs: latest, covers: kept.length - 1 }]
        : kept.map((plannedMs) => ({ plannedMs, covers: 0 })),
  };
}
