/** At most `max` units in any window of `durationMs`; windows are half-open: [t, t + durationMs). */
export interface RateWindow {
  readonly max: number;
  readonly durationMs: number;
}

/** A call that came, at the clock of whoever was called. */
export interface Arrival {
  readonly atMs: number;
  readonly units: number;
}

/** A window that held more units than it may. It begins with the call at `fromMs`. */
export interface Violation {
  readonly window: RateWindow;
  readonly fromMs: number;
  readonly units: number;
}

/**
 * Every window with too many units, among those that begin with a call. They are enough: a window that
 * holds too many still does when its beginning moves to its first call. O(n log n).
 */
export function violations(
  log: readonly Arrival[],
  windows: readonly RateWindow[],
): readonly Violation[] {
  const sorted = log.toSorted((a, b) => a.atMs - b.atMs);
  return windows.flatMap((window) => {
    const found: Violation[] = [];
    let [end, units] = [0, 0];
    for (const [begin, first] of sorted.entries()) {
      for (; end < sorted.length && sorted[end]!.atMs < first.atMs + window.durationMs; end++)
        units += sorted[end]!.units;
      // Of calls at the same time only the first sees them all.
      if (units > window.max && sorted[begin - 1]?.atMs !== first.atMs)
        found.push({ window, fromMs: first.atMs, units });
      units -= first.units;
    }
    return found;
  });
}

/**
 * The most units of one each that a perfect scheduler could have used in [0, spanMs) when every window
 * holds. Each unit goes as early as the windows let it; nobody can be ahead of that.
 */
export function allowedUnits(windows: readonly RateWindow[], spanMs: number): number {
  if (windows.length === 0) return Infinity;
  const times: number[] = [];
  for (;;) {
    let atMs = times.at(-1) ?? 0;
    for (const { max, durationMs } of windows) {
      const before = times[times.length - max];
      if (before !== undefined) atMs = Math.max(atMs, before + durationMs);
    }
    if (atMs >= spanMs) return times.length;
    times.push(atMs);
  }
}
