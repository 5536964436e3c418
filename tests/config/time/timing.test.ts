import {
  type Arbitrary,
  assert,
  constantFrom,
  integer,
  nat,
  oneof,
  pre,
  property,
  record,
  tuple,
  uniqueArray,
} from "fast-check";
import { describe, expect, test } from "vitest";

import { cronProblem } from "../../../config/time/cron.ts";
import { dueTimes, isTimeZone, nextTime, type Timing } from "../../../config/time/timing.ts";
import {
  CATCH_UPS,
  MAX_CAUGHT_UP,
  ON_TIME_MS,
  planCatchUp,
} from "../../../queues/starting/schedules/catch-up.ts";

const DAY_MS = 86_400_000;
const START_MS = Date.parse("2026-03-20T00:00:00Z");

/** Intervals, and expressions in zones that change their clocks. */
const timing: Arbitrary<Timing> = oneof(
  record({
    everyMs: integer({ min: 100, max: 10 * DAY_MS }),
    anchorMs: integer({ min: START_MS - DAY_MS, max: START_MS + DAY_MS }),
  }),
  record({
    cron: constantFrom("*/10 * * * *", "30 2 * * *", "0 0 * * 1", "15 1-3 * * *", "@hourly"),
    timeZone: constantFrom("UTC", "Europe/Berlin", "America/New_York"),
  }),
);
const span = tuple(
  integer({ min: 0, max: 15 * DAY_MS }),
  integer({ min: 0, max: DAY_MS }),
  integer({ min: 0, max: DAY_MS }),
);
const ALL = Number.POSITIVE_INFINITY;

describe("due times", () => {
  test("follow each other without gaps or doubles, wherever a look ends", () => {
    assert(
      property(timing, span, (when, [from, first, second]) => {
        // Listing every 100 ms of days is no part of what is tested.
        pre(!("everyMs" in when) || when.everyMs > 60_000);
        const [a, b, c] = [
          START_MS + from,
          START_MS + from + first,
          START_MS + from + first + second,
        ];
        const whole = dueTimes(when, a, c, ALL).times;
        expect([...dueTimes(when, a, b, ALL).times, ...dueTimes(when, b, c, ALL).times]).toEqual(
          whole,
        );
        for (const [index, time] of whole.entries()) {
          expect(time).toBeGreaterThan(whole[index - 1] ?? a);
          expect(time).toBeLessThanOrEqual(c);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("begin with the next one", () => {
    assert(
      property(timing, span, (when, [from]) => {
        const after = START_MS + from;
        const next = nextTime(when, after)!;
        expect(next).toBeGreaterThan(after);
        expect(dueTimes(when, after, next, ALL)).toEqual({ times: [next], earlier: 0 });
        expect(dueTimes(when, after, next - 1, ALL).times).toEqual([]);
      }),
    );
  });

  test("keep the latest and count the others", () => {
    assert(
      property(timing, span, integer({ min: 1, max: 50 }), (when, [from, length], keep) => {
        pre(!("everyMs" in when) || when.everyMs > 60_000);
        const after = START_MS + from;
        const all = dueTimes(when, after, after + length, ALL).times;
        const some = dueTimes(when, after, after + length, keep);
        expect(some.times).toEqual(all.slice(-keep));
        expect(some.earlier).toBe(all.length - some.times.length);
      }),
      { numRuns: 40 },
    );
  });

  test("of years of an interval are counted at once", () => {
    const every = { everyMs: 100, anchorMs: START_MS };
    const due = dueTimes(every, START_MS, START_MS + 1_000 * DAY_MS, 3);
    expect(due.earlier).toBe(10 * 86_400 * 1_000 - 3);
    expect(due.times.at(-1)).toBe(START_MS + 1_000 * DAY_MS);
  });

  test.for(["* * * * * *", "0 * 1 * *", "0 0 1 1 *"])(
    "of many years of %j are the latest too",
    (cron) => {
      const until = START_MS + 3_000 * DAY_MS;
      const { times, earlier } = dueTimes({ cron, timeZone: "UTC" }, START_MS, until, 100);
      const rare = cron === "0 0 1 1 *";
      expect(times).toHaveLength(rare ? 8 : 100);
      expect(earlier).toBe(rare || cron === "0 * 1 * *" ? earlier : 1_000);
      expect(nextTime({ cron, timeZone: "UTC" }, times.at(-1)!)).toBeGreaterThan(until);
      for (const [index, time] of times.entries()) {
        if (index > 0) expect(nextTime({ cron, timeZone: "UTC" }, times[index - 1]!)).toBe(time);
      }
    },
  );

  test("go on where clocks change by half an hour", () => {
    const from = Date.parse("2026-03-30T00:00:00Z");
    const day = { cron: "30 2 * * *", timeZone: "Australia/Lord_Howe" };
    const { times } = dueTimes(day, from, from + 10 * DAY_MS, ALL);
    expect(times.length).toBeGreaterThanOrEqual(9);
    expect(new Set(times).size).toBe(times.length);
    for (let hour = 0; hour < 240; hour++) {
      const after = from + hour * 3_600_000;
      expect(nextTime(day, after)).toBeLessThan(after + 2.5 * DAY_MS);
    }
  });

  test("of an hour that the clocks skip or repeat are one a day", () => {
    const berlin = { cron: "30 2 * * *", timeZone: "Europe/Berlin" };
    const iso = (from: string) =>
      dueTimes(berlin, Date.parse(from), Date.parse(from) + 3 * DAY_MS, ALL).times.map((time) =>
        new Date(time).toISOString(),
      );
    expect(iso("2026-03-28T00:00:00Z")).toEqual([
      "2026-03-28T01:30:00.000Z",
      "2026-03-29T01:30:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    expect(iso("2026-10-24T00:00:00Z")).toEqual([
      "2026-10-24T00:30:00.000Z",
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
    ]);
  });
});

describe("a cron expression", () => {
  test.for(["* * * * *", "0 30 2 * * *", "@daily", "*/5 8-17 * * 1-5", "0 0 29 2 *"])(
    "%j is right",
    (cron) => expect(cronProblem(cron)).toBeNull(),
  );

  test.for([
    ["", "got: 0"],
    ["* * * *", "got: 4"],
    ["60 * * * *", "range 0-59"],
    ["H * * * *", "H is not supported"],
    ["0 H(0-3) * * *", "H is not supported"],
    ["@nonsense", "cannot resolve"],
  ])("%j is refused", ([cron = "", why]) => expect(cronProblem(cron)).toContain(why));

  test("is read in a zone that the system knows", () => {
    expect(["UTC", "Europe/Berlin", "", "Mars/Base"].map(isTimeZone)).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("catching up", () => {
  const due = tuple(
    uniqueArray(integer({ min: 0, max: 10_000 }), { maxLength: MAX_CAUGHT_UP }),
    nat(50),
  ).map(([seconds, earlier]) => ({
    times: seconds.map((one) => START_MS + one * 1_000).toSorted((a, b) => a - b),
    earlier: seconds.length === 0 ? 0 : earlier,
  }));

  test("accounts for every firing once, the dropped ones first", () => {
    assert(
      property(
        due,
        constantFrom(...CATCH_UPS),
        nat(10_000_000),
        nat(1_000_000),
        (found, catchUp, catchUpWindowMs, lateMs) => {
          const latest = found.times.at(-1) ?? START_MS;
          const plan = planCatchUp(found, latest + lateMs, { catchUp, catchUpWindowMs });
          const covered = plan.firings.reduce((sum, one) => sum + 1 + one.covers, 0);
          expect(covered + (plan.dropped?.count ?? 0)).toBe(found.times.length + found.earlier);
          const planned = plan.firings.map((one) => one.plannedMs);
          expect(planned).toEqual(planned.toSorted((a, b) => a - b));
          if (plan.dropped !== null && planned.length > 0)
            expect(plan.dropped.untilMs).toBeLessThan(planned[0]!);
          // Nothing is decided twice: the last decision settles the latest time.
          if (found.times.length > 0) expect(planned.at(-1) ?? plan.dropped!.untilMs).toBe(latest);
          if (catchUp === "one") expect(planned.length).toBeLessThanOrEqual(1);
          if (found.times.length > 0 && lateMs <= ON_TIME_MS) expect(planned.at(-1)).toBe(latest);
          if (catchUp === "none" && lateMs > ON_TIME_MS) expect(planned).toEqual([]);
        },
      ),
    );
  });
});
