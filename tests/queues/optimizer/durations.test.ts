import * as fc from "fast-check";
import { expect, test } from "vitest";

import { Durations } from "../../../queues/index.ts";
import { SEED } from "../../support/runner/seed.ts";

const of = (values: readonly number[]): Durations => {
  const durations = Durations.empty();
  for (const ms of values) durations.record(ms);
  return durations;
};

test("of nothing there is no mean and no percentile, and nothing to write", () => {
  const none = Durations.empty();
  expect([none.count, none.meanMs, none.percentileMs(95), none.encode()]).toEqual([
    0,
    null,
    null,
    undefined,
  ]);
});

test("percentiles are off by 1 % at most, also after writing, reading and adding", () => {
  const times = fc.array(fc.integer({ min: 0, max: 3_600_000 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(times, times, fc.constantFrom(50, 90, 95, 99, 100), (a, b, percent) => {
      const sum = Durations.sum([of(a).encode(), undefined, of(b).encode()]);
      const sorted = [...a, ...b].toSorted((one, other) => one - other);
      const exact = sorted[Math.ceil((percent / 100) * sorted.length) - 1]!;
      expect(sum.count).toBe(sorted.length);
      expect(Math.abs(sum.percentileMs(percent)! - exact)).toBeLessThanOrEqual(1 + exact * 0.01);
    }),
    { seed: SEED },
  );
});

test("times below nothing and beyond a day count as nothing and a day", () => {
  const two = of([-5, 1e12]);
  expect(two.count).toBe(2);
  expect(two.percentileMs(100)! / 86_400_000).toBeCloseTo(1, 2);
});
