import { cronTimes } from "./cron.ts";

/** When a schedule fires: by a cron expression, or at an interval from its anchor. */
export type Timing =
  | { readonly cron: string; readonly timeZone: string }
  | { readonly everyMs: number; readonly anchorMs: number };

/** Firings that are due. */
export interface Due {
  /** The latest planned times, ascending. Milliseconds since 1970. */
  readonly times: readonly number[];
  /** How many more are due that were planned earlier; for a cron expression, exact up to 1,000. */
  readonly earlier: number;
}

/** How many firings of a cron expression are counted one by one. Each costs a tenth of a millisecond. */
const MAX_COUNTED = 1_000;

/** Where the search for the latest firings of a long period begins. Milliseconds. */
const FIRST_LOOK_BACK_MS = 60_000;

/**
 * The firings planned in (afterMs, untilMs].
 *
 * @param keep how many of the latest are listed; the others are counted.
 */
export function dueTimes(timing: Timing, afterMs: number, untilMs: number, keep: number): Due {
  return "cron" in timing
    ? dueByCron(timing, afterMs, untilMs, keep)
    : dueByInterval(timing, afterMs, untilMs, keep);
}

/** The first firings after a time. Milliseconds since 1970. */
export function nextTimes(timing: Timing, afterMs: number, count: number): number[] {
  if ("cron" in timing) return timesUntil(timing, afterMs, Number.POSITIVE_INFINITY, count);
  const first = multipleAfter(timing, afterMs);
  return Array.from({ length: count }, (_, index) => first + index * timing.everyMs);
}

/** The first firing after a time; null if there is none. Milliseconds since 1970. */
export function nextTime(timing: Timing, afterMs: number): number | null {
  if (!("cron" in timing)) return multipleAfter(timing, afterMs);
  const [first] = timesUntil(timing, afterMs, Number.POSITIVE_INFINITY, 1);
  return first ?? null;
}

/** Whether this system knows a time zone. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions() !== undefined;
  } catch {
    return false;
  }
}

function dueByInterval(
  timing: { readonly everyMs: number; readonly anchorMs: number },
  afterMs: number,
  untilMs: number,
  keep: number,
): Due {
  const { everyMs, anchorMs } = timing;
  const first = multipleAfter(timing, afterMs);
  const last = anchorMs + Math.floor((untilMs - anchorMs) / everyMs) * everyMs;
  const count = last < first ? 0 : (last - first) / everyMs + 1;
  const listed = Math.min(count, keep);
  return {
    times: Array.from({ length: listed }, (_, index) => last - (listed - 1 - index) * everyMs),
    earlier: count - listed,
  };
}

/** The first multiple after a time. The anchor itself does not count. */
function multipleAfter(
  { everyMs, anchorMs }: { readonly everyMs: number; readonly anchorMs: number },
  afterMs: number,
): number {
  return anchorMs + (Math.floor((Math.max(afterMs, anchorMs) - anchorMs) / everyMs) + 1) * everyMs;
}

function dueByCron(
  timing: { readonly cron: string; readonly timeZone: string },
  afterMs: number,
  untilMs: number,
  keep: number,
): Due {
  const counted = timesUntil(timing, afterMs, untilMs, MAX_COUNTED + keep);
  if (counted.length < MAX_COUNTED + keep) {
    const earlier = Math.max(0, counted.length - keep);
    return { times: counted.slice(earlier), earlier };
  }
  // After a very long time: looks back from the end, further and further, until enough are found.
  for (let backMs = FIRST_LOOK_BACK_MS; ; backMs *= 2) {
    const times = timesUntil(timing, Math.max(afterMs, untilMs - backMs), untilMs);
    if (times.length >= keep) return { times: times.slice(-keep), earlier: MAX_COUNTED };
  }
}

function timesUntil(
  { cron, timeZone }: { readonly cron: string; readonly timeZone: string },
  afterMs: number,
  untilMs: number,
  limit = Number.POSITIVE_INFINITY,
): number[] {
  const times: number[] = [];
  for (const time of cronTimes(cron, timeZone, afterMs)) {
    if (time > untilMs || times.length >= limit) break;
    times.push(time);
  }
  return times;
}
