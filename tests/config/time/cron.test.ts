import { Temporal } from "@js-temporal/polyfill";
import { assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, test } from "vitest";

import { nextTimes } from "../../../config/index.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A field as a set of numbers, written down apart from the parser of the product. */
type Field = readonly [text: string, matches: (value: number) => boolean];
const any: Field = ["*", () => true];
/** Counted from the smallest value that the field can have. */
const every = (n: number, from = 0): Field => [`*/${n}`, (value) => (value - from) % n === 0];
const at = (...values: number[]): Field => [values.join(","), (value) => values.includes(value)];
const between = (from: number, to: number): Field => [
  `${from}-${to}`,
  (value) => value >= from && value <= to,
];

interface Expression {
  readonly minute: Field;
  readonly hour: Field;
  readonly day: Field;
  readonly month: Field;
}
const textOf = ({ minute, hour, day, month }: Expression) =>
  `${minute[0]} ${hour[0]} ${day[0]} ${month[0]} *`;

/** By the definition: every local minute that matches, as Temporal places it; intervals also at its second time. */
function byHand(expression: Expression, timeZone: string, fromMs: number, untilMs: number) {
  const { minute, hour, day, month } = expression;
  const isInterval = [minute, hour].some(([text]) => text.startsWith("*"));
  const found = new Set<number>();
  // A day more on both sides: where a date is skipped, local times are that far away.
  for (let ms = fromMs - 2 * DAY_MS; ms < untilMs + 2 * DAY_MS; ms += 60_000) {
    const local = new Date(ms);
    if (
      !minute[1](local.getUTCMinutes()) ||
      !hour[1](local.getUTCHours()) ||
      !day[1](local.getUTCDate()) ||
      !month[1](local.getUTCMonth() + 1)
    )
      continue;
    const plain = Temporal.PlainDateTime.from(local.toISOString().slice(0, 16));
    const instant = plain.toZonedDateTime(timeZone, { disambiguation: "compatible" });
    found.add(instant.epochMilliseconds);
    if (!isInterval) continue;
    const later = plain.toZonedDateTime(timeZone, { disambiguation: "later" });
    if (later.toPlainDateTime().equals(plain)) found.add(later.epochMilliseconds);
  }
  return [...found].filter((ms) => ms > fromMs && ms <= untilMs).toSorted((a, b) => a - b);
}

function byProduct(cron: string, timeZone: string, fromMs: number, untilMs: number) {
  const times: number[] = [];
  for (let after = fromMs; ;) {
    const next = nextTimes({ cron, timeZone }, after, 50);
    for (const time of next) if (time <= untilMs) times.push(time);
    if (next.length < 50 || next.at(-1)! > untilMs) return times;
    after = next.at(-1)!;
  }
}

const ZONES = Intl.supportedValuesOf("timeZone");

describe("cron expressions", () => {
  test("fire as the definition says, around changes of the clocks of every zone from 2000 to 2100", () => {
    assert(
      property(
        constantFrom(...ZONES),
        integer({ min: 2000, max: 2099 }),
        integer({ min: 0, max: 20 }),
        record({
          minute: constantFrom(any, every(7), every(15), at(0), at(30), at(5, 35), between(0, 3)),
          hour: constantFrom(any, every(2), every(5), at(0), at(1), at(2), at(3), between(0, 3)),
          day: constantFrom(any, any, any, at(1), at(29, 30, 31), every(2, 1)),
          month: constantFrom(any, any, any, between(3, 4), at(10, 11, 12)),
        }),
        (timeZone, year, back, expression) => {
          const start = Temporal.ZonedDateTime.from(`${year}-01-01T00:00[${timeZone}]`);
          const change = start.getTimeZoneTransition("next");
          // Zones without one are looked at where the others have theirs.
          const middle = change?.epochMilliseconds ?? Date.UTC(year, 2, 29, 1);
          const fromMs = middle - back * HOUR_MS - 1;
          const untilMs = middle + 2 * DAY_MS;
          expect(byProduct(textOf(expression), timeZone, fromMs, untilMs)).toEqual(
            byHand(expression, timeZone, fromMs, untilMs),
          );
        },
      ),
      { numRuns: 120 },
    );
  });

  /** What the next firings after a local midnight are, written down by hand. Times of the zone with its offset. */
  const BY_HAND: readonly (readonly [
    zone: string,
    cron: string,
    from: string,
    firings: readonly string[],
  ])[] = [
    // Midnight does not exist: 00:00 becomes 01:00.
    [
      "Asia/Beirut",
      "@daily",
      "2026-03-28T12:00Z",
      ["2026-03-29T01:00+03:00", "2026-03-30T00:00+03:00"],
    ],
    ["Asia/Beirut", "0 0 * * 0", "2026-03-28T12:00Z", ["2026-03-29T01:00+03:00"]],
    ["America/Havana", "0 0 8 3 *", "2026-03-07T12:00Z", ["2026-03-08T01:00-04:00"]],
    ["Africa/Cairo", "0 0 * * 5", "2026-04-23T12:00Z", ["2026-04-24T01:00+03:00"]],
    // An hour that is not there, named and as an interval.
    [
      "Europe/Berlin",
      "*/15 2 * * *",
      "2026-03-28T12:00Z",
      [
        "2026-03-29T03:00+02:00",
        "2026-03-29T03:15+02:00",
        "2026-03-29T03:30+02:00",
        "2026-03-29T03:45+02:00",
        "2026-03-30T02:00+02:00",
      ],
    ],
    ["Europe/Berlin", "30 2 * * *", "2026-03-28T12:00Z", ["2026-03-29T03:30+02:00"]],
    [
      "America/New_York",
      "0 * * * *",
      "2026-03-08T06:30Z",
      ["2026-03-08T03:00-04:00", "2026-03-08T04:00-04:00"],
    ],
    // An hour that comes twice: once, and as an interval both.
    [
      "Europe/Berlin",
      "30 2 * * *",
      "2026-10-24T12:00Z",
      ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"],
    ],
    [
      "America/New_York",
      "0 * * * *",
      "2026-11-01T04:30Z",
      ["2026-11-01T01:00-04:00", "2026-11-01T01:00-05:00", "2026-11-01T02:00-05:00"],
    ],
    // Half an hour.
    [
      "Australia/Lord_Howe",
      "15 2 * * *",
      "2026-10-03T12:00Z",
      ["2026-10-04T02:45+11:00", "2026-10-05T02:15+11:00"],
    ],
    [
      "Australia/Lord_Howe",
      "45 1 * * *",
      "2026-04-04T12:00Z",
      ["2026-04-05T01:45+11:00", "2026-04-06T01:45+10:30"],
    ],
    // A date that is not there.
    [
      "Pacific/Apia",
      "0 10 30 12 *",
      "2011-12-29T12:00Z",
      ["2011-12-31T10:00+14:00", "2012-12-30T10:00+14:00"],
    ],
    [
      "Pacific/Apia",
      "0 10 * * *",
      "2011-12-29T12:00Z",
      ["2011-12-29T10:00-10:00", "2011-12-31T10:00+14:00", "2012-01-01T10:00+14:00"],
    ],
    // No change at all.
    ["Asia/Kolkata", "30 5 * * *", "2026-03-28T12:00Z", ["2026-03-29T05:30+05:30"]],
    ["UTC", "0 0 29 2 *", "2096-03-01T00:00Z", ["2104-02-29T00:00Z"]],
  ];

  test.each(BY_HAND.filter(([, , , firings]) => firings.length > 0))(
    "in %s %s after %s",
    (timeZone, cron, from, firings) => {
      const times = nextTimes({ cron, timeZone }, Date.parse(from), firings.length);
      expect(times.map((ms) => new Date(ms).toISOString())).toEqual(
        firings.map((text) => new Date(text).toISOString()),
      );
    },
  );
});
