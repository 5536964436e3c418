import * as fc from "fast-check";
import { expect, test } from "vitest";

import { allowedUnits, violations, type Arrival, type RateWindow } from "./rate-windows.ts";

const window = fc.record({
  max: fc.integer({ min: 1, max: 6 }),
  durationMs: fc.integer({ min: 1, max: 12 }),
});
const log = fc.array(
  fc.record({ atMs: fc.integer({ min: 0, max: 40 }), units: fc.integer({ min: 1, max: 4 }) }),
  { maxLength: 20 },
);

/** Looks at every instant, also between calls. */
function bruteForce(calls: readonly Arrival[], { max, durationMs }: RateWindow): Set<number> {
  const found = new Set<number>();
  for (let t = -15; t < 45; t += 0.5) {
    const inside = calls.filter(({ atMs }) => atMs >= t && atMs < t + durationMs);
    const units = inside.reduce((sum, call) => sum + call.units, 0);
    if (units > max) found.add(Math.min(...inside.map(({ atMs }) => atMs)));
  }
  return found;
}

test("the windows that are found are those that looking at every instant finds", () => {
  fc.assert(
    fc.property(log, window, (calls, one) => {
      const found = violations(calls, [one]).map(({ fromMs }) => fromMs);
      const expected = bruteForce(calls, one);

      for (const fromMs of expected) expect(found).toContain(fromMs);
      for (const fromMs of found) expect([...expected]).toContain(fromMs);
      expect(new Set(found).size).toBe(found.length);
    }),
    { numRuns: 500 },
  );
});

test("a window ends before the instant it is long: the call then is the next window's", () => {
  const calls = [
    { atMs: 0, units: 3 },
    { atMs: 1_000, units: 3 },
  ];
  expect(violations(calls, [{ max: 3, durationMs: 1_000 }])).toEqual([]);
  expect(violations(calls, [{ max: 3, durationMs: 1_001 }])).toEqual([
    { window: { max: 3, durationMs: 1_001 }, fromMs: 0, units: 6 },
  ]);
});

/** The most units that any schedule on whole milliseconds uses. */
function mostUnits(windows: readonly RateWindow[], spanMs: number): number {
  let best = 0;
  const place = (calls: readonly Arrival[], from: number): void => {
    best = Math.max(best, calls.length);
    for (let atMs = from; atMs < spanMs; atMs++) {
      const more = [...calls, { atMs, units: 1 }];
      if (violations(more, windows).length === 0) place(more, atMs);
    }
  };
  place([], 0);
  return best;
}

test("no schedule uses more than the units that are allowed, and one uses them all", () => {
  const small = fc.record({
    max: fc.integer({ min: 1, max: 3 }),
    durationMs: fc.integer({ min: 2, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(small, { minLength: 1, maxLength: 2 }), (windows) => {
      expect(allowedUnits(windows, 7)).toBe(mostUnits(windows, 7));
    }),
    { numRuns: 40 },
  );
});

test("three a second and a hundred a minute: the minute is what three minutes are bound by", () => {
  const windows = [
    { max: 3, durationMs: 1_000 },
    { max: 100, durationMs: 60_000 },
  ];
  expect(allowedUnits(windows, 180_000)).toBe(300);
  expect(allowedUnits(windows, 20_000)).toBe(60);
});
