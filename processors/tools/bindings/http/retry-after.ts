import { isTuttiError, TuttiError } from "../../../../config/index.ts";

const DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)";
const WHOLE_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`;
/** The forms of a date in HTTP (RFC 9110, 5.6.7): today's, and two older ones that must be read. */
const DATES = [
  String.raw`${DAY}, (?<day>\d\d) ${MONTH} (?<year>\d{4}) ${TIME} GMT`,
  String.raw`${WHOLE_DAY}, (?<day>\d\d)-${MONTH}-(?<year>\d\d) ${TIME} GMT`,
  String.raw`${DAY} ${MONTH} (?<day>[ \d]\d) ${TIME} (?<year>\d{4})`,
].map((form) => new RegExp(`^${form}$`));

const CENTURY = 100;
/** A year of two digits that seems further ahead is of the century before. */
const FAR_YEARS = 50;

function fullYear(digits: string, nowMs: number): number {
  const year = Number(digits);
  if (digits.length > 2) return year;
  const thisYear = new Date(nowMs).getUTCFullYear();
  const near = thisYear - (thisYear % CENTURY) + year;
  return near > thisYear + FAR_YEARS ? near - CENTURY : near;
}

/** Milliseconds since 1970 of an HTTP date; undefined when it is none, or no day of the calendar. */
function httpDateMs(text: string, nowMs: number): number | undefined {
  const found = DATES.map((form) => form.exec(text)?.groups).find((one) => one !== undefined);
  if (found === undefined) return undefined;
  const [day, hour, minute, second] = ["day", "hour", "minute", "second"].map((name) =>
    Number(found[name]),
  );
  const month = MONTHS.indexOf(found["month"] ?? "");
  const date = new Date(0);
  date.setUTCFullYear(fullYear(found["year"] ?? "", nowMs), month, day);
  // A leap second is the next minute's first.
  date.setUTCHours(hour ?? 0, minute, second);
  const isOfCalendar =
    (hour ?? 0) < 24 && (minute ?? 0) < 60 && (second ?? 0) <= 60 && (day ?? 0) > 0;
  const days = new Date(Date.UTC(2000, month + 1, 0)).getUTCDate();
  return isOfCalendar && (day ?? 0) <= days ? date.getTime() : undefined;
}

/**
 * What a Retry-After header asks for (RFC 9110, 10.2.3): whole seconds, or a date to come. Milliseconds.
 * Undefined for all else: it asks for nothing.
 */
export function retryAfterMs(header: unknown, nowMs: number): number | undefined {
  if (typeof header !== "string") return undefined;
  const text = header.trim();
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, Number.MAX_SAFE_INTEGER);
  const dateMs = httpDateMs(text, nowMs);
  return dateMs !== undefined && dateMs > nowMs ? dateMs - nowMs : undefined;
}

/** The error with the pause it asks for brought within bounds: at most `maxMs`, and none that is no time. */
export function withinPause(thrown: unknown, maxMs: number): unknown {
  if (!isTuttiError(thrown) || !("retryAfterMs" in thrown.details)) return thrown;
  const { retryAfterMs: asked, ...details } = thrown.details;
  const isTime = typeof asked === "number" && asked >= 0;
  if (isTime && asked <= maxMs) return thrown;
  const bounded = isTime ? { ...details, retryAfterMs: maxMs } : details;
  return new TuttiError(thrown.code, thrown.message, { details: bounded, cause: thrown.cause });
}
