import { LRUCache } from "lru-cache";

import { localTime } from "./local-time.ts";

const DAY_MS = 86_400_000;
/** How many combinations of zone and year are cached. */
const KEPT = 500;

/** A change of the clocks of a zone. */
export interface Transition {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** How far the local clock is ahead of UTC, before and from then on. Milliseconds. */
  readonly beforeMs: number;
  readonly afterMs: number;
}

/** How far a zone's local clock is ahead of UTC at an instant. Milliseconds. */
export function offsetAt(timeZone: string, atMs: number): number {
  if (timeZone === "UTC") return 0;
  return localTime(timeZone, atMs) - Math.floor(atMs / 1_000) * 1_000;
}

const years = new LRUCache<string, readonly Transition[]>({ max: KEPT });

/** The changes of a zone's clocks in a UTC year, in order. */
function transitionsOf(timeZone: string, year: number): readonly Transition[] {
  if (timeZone === "UTC") return [];
  const key = `${year} ${timeZone}`;
  let found = years.get(key);
  if (found === undefined) {
    found = search(timeZone, Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1));
    years.set(key, found);
  }
  return found;
}

/** Looks at every day and bisects those in which the clocks changed. No zone changes them twice in a day. */
function search(timeZone: string, fromMs: number, untilMs: number): Transition[] {
  const found: Transition[] = [];
  let beforeMs = offsetAt(timeZone, fromMs - 1);
  for (let startMs = fromMs; startMs < untilMs; startMs += DAY_MS) {
    const afterMs = offsetAt(timeZone, startMs + DAY_MS - 1);
    if (afterMs === beforeMs) continue;
    let [low, high] = [startMs - 1, startMs + DAY_MS - 1];
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (offsetAt(timeZone, middle) === beforeMs) low = middle;
      else high = middle;
    }
    found.push({ atMs: high, beforeMs, afterMs });
    beforeMs = afterMs;
  }
  return found;
}

/** The last change of a zone's clocks at or before an instant, if there was one in its year or the year before. */
export function transitionBefore(timeZone: string, atMs: number): Transition | null {
  const year = new Date(atMs).getUTCFullYear();
  return (
    transitionsOf(timeZone, year).findLast((one) => one.atMs <= atMs) ??
    transitionsOf(timeZone, year - 1).at(-1) ??
    null
  );
}

/** The first change after an instant, up to another one. Milliseconds since 1970. */
export function transitionAfter(
  timeZone: string,
  afterMs: number,
  untilMs: number,
): Transition | null {
  const last = new Date(untilMs).getUTCFullYear();
  for (let year = new Date(afterMs).getUTCFullYear(); year <= last; year++) {
    const found = transitionsOf(timeZone, year).find((one) => one.atMs > afterMs);
    if (found !== undefined) return found.atMs <= untilMs ? found : null;
  }
  return null;
}
