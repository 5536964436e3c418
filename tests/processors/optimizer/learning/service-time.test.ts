import { array, assert, double, property } from "fast-check";
import { describe, expect, it } from "vitest";

import { ServiceTimes } from "../../../../processors/optimizer/learning/service-time.ts";
import { SEED } from "../../../support/runner/seed.ts";
import { chance } from "./chance.ts";

const declaring = (ms: number | undefined) => new ServiceTimes(() => ms);
const repeat = (ms: number, times: number) => Array.from({ length: times }, () => ms);

describe("the service time of a tool", () => {
  it("is unknown without a declaration and without calls", () => {
    expect(declaring(undefined).of("a")).toBeNull();
  });

  it("is what was declared while nothing is measured", () => {
    expect(declaring(400).of("a")).toEqual({ ms: 400, p95Ms: null, samples: 0 });
  });

  it("weighs the declared time like 5 calls at first, and not at all beside 30", () => {
    const times = declaring(600);
    times.observe("a", repeat(100, 1));
    expect(times.of("a")?.ms).toBeCloseTo((600 * 5 * (29 / 30) + 100) / (5 * (29 / 30) + 1));
    times.observe("a", repeat(100, 29));
    expect(times.of("a")).toMatchObject({ ms: 100, samples: 30 });
  });

  it("is measured alone where nothing is declared", () => {
    const times = declaring(undefined);
    times.observe("a", [100, 300]);
    expect(times.of("a")).toMatchObject({ ms: 200, samples: 2 });
    expect(times.of("b")).toBeNull();
  });

  it(`is within 20 % after 30 calls, declared wrong by x.4 to x2.2 (seed ${SEED})`, () => {
    const random = chance(SEED);
    const errors = Array.from({ length: 400 }, () => {
      const ms = 50 * 100 ** random.next();
      const times = declaring(ms * (0.4 + 1.8 * random.next()));
      times.observe(
        "a",
        Array.from({ length: 30 }, () => random.logNormal(ms, 0.5)),
      );
      return Math.abs((times.of("a")?.ms ?? 0) / ms - 1);
    }).toSorted((a, b) => a - b);
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    // 30 calls that vary by half their mean have a mean that varies by 9 %: 2.2 of these are 20 %.
    expect(mean).toBeLessThan(0.09);
    expect(errors.filter((error) => error <= 0.2).length / errors.length).toBeGreaterThan(0.95);
  });

  it("follows a tool that becomes four times slower within some 60 calls", () => {
    const times = declaring(100);
    times.observe("a", repeat(100, 200));
    times.observe("a", repeat(400, 60));
    expect(times.of("a")?.ms).toBeGreaterThan(350);
    times.observe("a", repeat(400, 100));
    expect(times.of("a")?.ms).toBeLessThanOrEqual(400);
  });

  it("counts a call that hung with 6 times the estimate", () => {
    const times = declaring(100);
    times.observe("a", [...repeat(100, 30), 3_600_000]);
    expect(times.of("a")?.ms).toBeCloseTo(100 + 500 / 30);
  });

  it("finds its way from a declaration that is wrong by a factor of 100", () => {
    const times = declaring(10);
    times.observe("a", repeat(1_000, 90));
    expect(times.of("a")?.ms).toBeGreaterThan(900);
  });

  it("says where 95 of 100 calls end", () => {
    const random = chance(SEED);
    const times = declaring(100);
    times.observe("a", [100, 90]);
    expect(times.of("a")?.p95Ms).toBeNull();
    const ends = Array.from({ length: 300 }, () => {
      times.observe("a", [random.logNormal(100, 0.5)]);
      return times.of("a")?.p95Ms ?? 0;
    }).slice(30);
    // exp(mu + 1.645 sigma) of this distribution is 194.
    const mean = ends.reduce((sum, end) => sum + end, 0) / ends.length;
    expect(Math.abs(mean / 194 - 1)).toBeLessThan(0.1);
  });

  it("survives the way through JSON, and leaves out what is no estimate", () => {
    const times = declaring(100);
    times.observe("a", [50, 150, 100]);
    const text = JSON.stringify(times);
    const again = new ServiceTimes(() => 100, JSON.parse(text));
    expect(again.of("a")).toEqual(times.of("a"));
    const broken = JSON.parse(text.replace(/"meanMs":[^,]+/, '"meanMs":null'));
    expect(new ServiceTimes(() => 100, broken).of("a")?.samples).toBe(0);
  });

  it("lies between the least and the greatest of what it was told", () => {
    assert(
      property(
        double({ min: 1, max: 1e6, noNaN: true }),
        array(double({ min: 0, max: 1e7, noNaN: true }), { maxLength: 80 }),
        (declared, calls) => {
          const times = declaring(declared);
          times.observe("a", [...calls, Number.NaN, -1]);
          const { ms = -1, samples = -1 } = times.of("a") ?? {};
          expect(samples).toBe(calls.length);
          expect(ms).toBeGreaterThanOrEqual(Math.min(declared, ...calls) * (1 - 1e-9));
          expect(ms).toBeLessThanOrEqual(Math.max(declared, ...calls) * (1 + 1e-9));
        },
      ),
    );
  });
});
