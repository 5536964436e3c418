import { LRUCache } from "lru-cache";

/** How many zones' clocks are cached. Making one takes about as long as reading it a hundred times. */
const KEPT = 500;

const clocks = new LRUCache<string, Intl.DateTimeFormat>({ max: KEPT });

/** Whether this zone's clock is cached. */
export function isZoneAtHand(timeZone: string): boolean {
  return clocks.has(timeZone);
}

/**
 * The local time of a zone at an instant, to the second, as the UTC time with the same fields. Milliseconds.
 *
 * @throws RangeError if there is no such zone.
 */
export function localTime(timeZone: string, atMs: number): number {
  let clock = clocks.get(timeZone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat("en-US", {
      timeZone,
      calendar: "iso8601",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
    clocks.set(timeZone, clock);
  }
  const parts: Record<string, number> = {};
  for (const { type, value } of clock.formatToParts(atMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const shown = new Date(0);
  // `Date.UTC` takes the years 0 to 99 for 1900 to 1999.
  shown.setUTCFullYear(year, month - 1, day);
  return shown.setUTCHours(hour, minute, second);
}
