import * as fc from "fast-check";
import { expect, test } from "vitest";

import { medianOf, trendOf } from "../../../../src/optimizer/metrics/trend.ts";
import { randomFrom } from "../../../support/drawn/random.ts";
import { SEED } from "../../../support/runner/seed.ts";

test("a line has its slope, also with wild points in it", () => {
  const line = Array.from({ length: 20 }, (_, n) => 3 + 2 * n);
  expect(trendOf(line)).toEqual({ slope: 2, direction: "rising", n: 20 });
  const wild = line.with(3, 1e6).with(15, -1e6);
  expect(trendOf(wild)!.slope).toBeCloseTo(2, 0);
  expect(trendOf(wild)!.direction).toBe("rising");
  expect(trendOf(line.toReversed())!.direction).toBe("falling");
});

test("few points, and such as do not move, have none", () => {
  expect(trendOf([1, 2, 3, 4, 5, 6, 7])).toBeNull();
  expect(trendOf(Array(30).fill(4))).toEqual({ slope: 0, direction: "none", n: 30 });
});

test("noise is taken for a trend once in twenty times", () => {
  const random = randomFrom(SEED);
  let seen = 0;
  for (let n = 0; n < 1_000; n++) {
    const noise = Array.from({ length: 20 }, () => random());
    if (trendOf(noise)!.direction !== "none") seen++;
  }
  expect(seen).toBeGreaterThan(10);
  expect(seen).toBeLessThan(80);
});

test("the slope of the negative is the negative of the slope", () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 8, maxLength: 40 });
  fc.assert(
    fc.property(values, (list) => {
      const there = trendOf(list)!;
      const back = trendOf(list.map((value) => -value))!;
      expect(back.slope).toBeCloseTo(-there.slope);
    }),
    { seed: SEED },
  );
});

test("the median is the middle", () => {
  expect([medianOf([3]), medianOf([1, 9, 2]), medianOf([1, 2, 3, 100])]).toEqual([3, 2, 2.5]);
});
