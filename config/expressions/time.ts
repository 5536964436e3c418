import type { Duration } from "@marcbachmann/cel-js/evaluator";

import { isZoneAtHand, localTime } from "../time/local-time.ts";
import type { Budget } from "./budget.ts";
import { checkedTime, durationOf, nanosOf } from "./operators.ts";
import { fault } from "./values.ts";

const RFC_3339 =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

/** Only days that exist: `timestamp("2026-02-30T00:00:00Z")` is not March 2. */
export function parseTimestamp(text: string): Date {
  const found = text.length > 40 ? null : RFC_3339.exec(text);
  if (found === null)
    return fault(
      `timestamp() expects RFC 3339, such as 2026-01-31T09:00:00Z, got: ${text.slice(0, 60)}`,
    );
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1, 7)
    .map(Number);
  const ms = Number((found[7] ?? "").padEnd(3, "0").slice(0, 3));
  const local = new Date(0);
  // `Date.UTC` takes the years 0 to 99 for 1900 to 1999.
  local.setUTCFullYear(year, month - 1, day);
  const offsetHours = Number(found[9] ?? 0);
  const offsetMinutes = Number(found[10] ?? 0);
  const exists =
    year > 0 &&
    local.getUTCMonth() === month - 1 &&
    local.getUTCDate() === day &&
    hour < 24 &&
    minute < 60 &&
    second < 60 &&
    offsetHours < 24 &&
    offsetMinutes < 60;
  if (!exists) return fault(`timestamp(): there is no ${text}`);
  local.setUTCHours(hour, minute, second, ms);
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000;
  return checkedTime(local.getTime() - (found[8] === "-" ? -offset : offset));
}

const UNIT_NANOS: Readonly<Record<string, bigint>> = {
  h: 3_600_000_000_000n,
  m: 60_000_000_000n,
  s: 1_000_000_000n,
  ms: 1_000_000n,
  us: 1_000n,
  µs: 1_000n,
  ns: 1n,
};

/** Parses Go's duration syntax: `1h30m`, `-1.5s`. */
export function parseDuration(text: string): Duration {
  const invalid = () => fault(`Invalid duration string: ${text.slice(0, 60)}`);
  if (text.length > 100) return invalid();
  const part = /(\d*)(?:\.(\d*))?(ns|us|µs|ms|s|m|h)/y;
  part.lastIndex = /^[+-]/.test(text) ? 1 : 0;
  if (part.lastIndex === text.length) return invalid();
  let nanos = 0n;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) return invalid();
    const [, whole = "", fraction = "", unit = ""] = found;
    if (whole === "" && fraction === "") return invalid();
    const unitNanos = UNIT_NANOS[unit] ?? invalid();
    const digits = fraction.slice(0, 18).padEnd(18, "0");
    nanos +=
      BigInt(whole || "0") * unitNanos + (BigInt(digits) * unitNanos) / 1_000_000_000_000_000_000n;
  }
  return durationOf(text.startsWith("-") ? -nanos : nanos);
}

export function timestampText(time: Date): string {
  return time.toISOString().replace(/\.?0+Z$/, (end) => (end.startsWith(".") ? "Z" : end));
}

/** The local time of a zone as a UTC time with the same fields. Zones are IANA names or offsets (`+02:00`). */
function inZone(time: Date, zone: string | undefined, budget: Budget): Date {
  if (zone === undefined) return time;
  const fixed = /^([+-]?)(\d\d):(\d\d)$/.exec(zone);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    return new Date(time.getTime() + (fixed[1] === "-" ? -minutes : minutes) * 60_000);
  }
  // About 100 times the work of a step; a zone that is new costs far more.
  budget.spend(isZoneAtHand(zone) ? 100 : 2_000);
  try {
    return new Date(localTime(zone, time.getTime()) + time.getUTCMilliseconds());
  } catch {
    return fault(`no time zone: ${zone.slice(0, 60)}`);
  }
}

const DAY_MS = 86_400_000;

const FIELDS = {
  getFullYear: (time: Date) => time.getUTCFullYear(),
  getMonth: (time: Date) => time.getUTCMonth(),
  getDate: (time: Date) => time.getUTCDate(),
  getDayOfMonth: (time: Date) => time.getUTCDate() - 1,
  getDayOfWeek: (time: Date) => time.getUTCDay(),
  getDayOfYear: (time: Date) => {
    const first = new Date(0);
    first.setUTCFullYear(time.getUTCFullYear(), 0, 1);
    return Math.floor((time.getTime() - first.getTime()) / DAY_MS);
  },
  getHours: (time: Date) => time.getUTCHours(),
  getMinutes: (time: Date) => time.getUTCMinutes(),
  getSeconds: (time: Date) => time.getUTCSeconds(),
  getMilliseconds: (time: Date) => time.getUTCMilliseconds(),
};

export type TimeField = keyof typeof FIELDS;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own keys
export const TIME_FIELDS = Object.keys(FIELDS) as readonly TimeField[];

export function timeField(
  field: TimeField,
  time: Date,
  zone: string | undefined,
  budget: Budget,
): bigint {
  return BigInt(FIELDS[field](inZone(time, zone, budget)));
}

const UNITS = {
  getHours: 3_600_000_000_000n,
  getMinutes: 60_000_000_000n,
  getSeconds: 1_000_000_000n,
  getMilliseconds: 1_000_000n,
};

export type DurationUnit = keyof typeof UNITS;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own keys
export const DURATION_UNITS = Object.keys(UNITS) as readonly DurationUnit[];

export function durationIn(unit: DurationUnit, duration: Duration): bigint {
  return nanosOf(duration) / UNITS[unit];
}
