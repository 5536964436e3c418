import { messageOf } from "../errors.ts";
import { packages } from "../packages.ts";
import { offsetAt, transitionAfter, transitionBefore } from "./zone.ts";

/** Period searched at once for a change of the clocks. Milliseconds. */
const HORIZON_MS = 400 * 86_400_000;

/** The problem with a cron expression; null if there is none. */
export function cronProblem(cron: string): string | null {
  const fields = cron.trim().split(/\s+/);
  const alias = fields.length === 1 && cron.startsWith("@");
  if (!alias && fields.length !== 5 && fields.length !== 6)
    return `expected 5 fields, or 6 with seconds, got: ${cron.trim() === "" ? 0 : fields.length}`;
  // The parser would draw a random number on each read.
  if (!alias && /(^|[\s,/])H/.test(cron)) return "H is not supported";
  try {
    packages.cronParser().CronExpressionParser.parse(cron, { tz: "UTC" }).next();
    return null;
  } catch (thrown) {
    return messageOf(thrown);
  }
}

/**
 * The times of a cron expression after an instant, ascending. Milliseconds since 1970.
 *
 * The expression names local times. A time that the clocks skip is shifted by the length of the gap, as Temporal's
 * `compatible` does, and each instant fires once. So a date that is skipped as a whole moves to the same time of the
 * next date. A local time that occurs twice fires once, the first time, unless the minute or the hour is `*` or `*\/n`:
 * such an expression is an interval and follows elapsed time.
 */
export function* cronTimes(cron: string, timeZone: string, afterMs: number): Generator<number> {
  const repeats = isInterval(cron);
  let fromMs = afterMs;
  for (;;) {
    // From here to the next change of the clocks, their offset from UTC is constant.
    const startMs = fromMs + 1;
    const aheadMs = offsetAt(timeZone, startMs);
    const last = transitionBefore(timeZone, startMs);
    const endMs =
      transitionAfter(timeZone, startMs, startMs + HORIZON_MS)?.atMs ?? startMs + HORIZON_MS;
    let localMs = fromMs + aheadMs;
    if (last !== null && last.afterMs < last.beforeMs && !repeats)
      localMs = Math.max(localMs, last.atMs + last.beforeMs - 1);
    const regular = instants(cron, localMs, aheadMs, endMs);
    const skipped =
      last !== null && last.afterMs > last.beforeMs
        ? instants(
            cron,
            Math.max(fromMs, last.atMs - 1) + last.beforeMs,
            last.beforeMs,
            Math.min(endMs, last.atMs + last.afterMs - last.beforeMs),
          )
        : EMPTY;
    yield* merged(skipped, regular);
    if (!isPossible(cron, endMs)) return;
    fromMs = endMs - 1;
  }
}

const EMPTY: readonly number[] = [];

/**
 * The matching local times after a local time and before an instant, for local clocks with this offset from UTC; as
 * instants.
 */
function* instants(
  cron: string,
  afterLocalMs: number,
  aheadMs: number,
  beforeMs: number,
): Generator<number> {
  // In UTC no time is skipped, so the parser cannot get lost.
  const expression = packages.cronParser().CronExpressionParser.parse(cron, {
    tz: "UTC",
    currentDate: new Date(afterLocalMs),
  });
  for (let next = nextOf(expression); next !== null; next = nextOf(expression)) {
    const atMs = next - aheadMs;
    if (atMs >= beforeMs) return;
    yield atMs;
  }
}

/** Whether there is any time after an instant. The parser gives up if there is none for years. */
function isPossible(cron: string, afterMs: number): boolean {
  return (
    nextOf(
      packages
        .cronParser()
        .CronExpressionParser.parse(cron, { tz: "UTC", currentDate: new Date(afterMs) }),
    ) !== null
  );
}

function nextOf(expression: { next(): { getTime(): number } }): number | null {
  try {
    return expression.next().getTime();
  } catch {
    return null;
  }
}

/** Merges two ascending lists without duplicates. */
function* merged(first: Iterable<number>, second: Iterable<number>): Generator<number> {
  const [a, b] = [first[Symbol.iterator](), second[Symbol.iterator]()];
  let [x, y] = [a.next(), b.next()];
  while (x.done !== true || y.done !== true) {
    const least = Math.min(
      x.done === true ? Infinity : x.value,
      y.done === true ? Infinity : y.value,
    );
    yield least;
    if (x.done !== true && x.value === least) x = a.next();
    if (y.done !== true && y.value === least) y = b.next();
  }
}

/** Whether the minute or the hour of an expression is every one or every n-th. */
function isInterval(cron: string): boolean {
  const fields = cron.trim().split(/\s+/);
  if (fields.length === 1) return /^@(secondly|minutely|hourly)$/.test(fields[0]!);
  const [minute = "", hour = ""] = fields.slice(-5);
  return [minute, hour].some((field) => /^\*(\/\d+)?$/.test(field));
}
