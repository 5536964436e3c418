import { expect, test } from "vitest";

import {
  forecastOf,
  learnForecast,
  type ForecastState,
} from "../../../../src/optimizer/metrics/forecast.ts";
import { randomFrom } from "../../../support/drawn/random.ts";
import { SEED } from "../../../support/runner/seed.ts";

const learned = (values: readonly number[]): ForecastState | undefined => {
  let state: ForecastState | undefined;
  for (const value of values) state = learnForecast(state, value);
  return state;
};

test("few values foretell nothing", () => {
  expect(forecastOf(undefined)).toBeNull();
  expect(forecastOf(learned([1, 2, 3, 4, 5, 6, 7]))).toBeNull();
});

test("a ramp goes on, and is foretold better than by its last value", () => {
  const ramp = Array.from({ length: 100 }, (_, n) => 10 + 5 * n);
  const { next, meanError, naiveError, n } = forecastOf(learned(ramp))!;
  expect(next).toBeCloseTo(510, -1);
  expect(meanError).toBeLessThan(naiveError / 2);
  expect(n).toBe(100);
});

test("what falls does not fall below nothing", () => {
  const { next, low } = forecastOf(learned([50, 40, 30, 20, 10, 0, 0, 0, 0]))!;
  expect([next >= 0, low]).toEqual([true, 0]);
});

test("about 95 of 100 values lie in the interval; noise is not foretold better than it can be", () => {
  const random = randomFrom(SEED);
  let state: ForecastState | undefined;
  let inside = 0;
  let all = 0;
  for (let n = 0; n < 3_000; n++) {
    const value = 100 + 40 * (random() + random() + random() - 1.5);
    const forecast = forecastOf(state);
    if (forecast !== null) {
      all++;
      if (value >= forecast.low && value <= forecast.high) inside++;
    }
    state = learnForecast(state, value);
  }
  expect(inside / all).toBeGreaterThan(0.9);
  expect(inside / all).toBeLessThan(0.99);
});
