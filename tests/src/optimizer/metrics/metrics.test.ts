import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  healthScore,
  metricsOf,
  type HealthParts,
} from "../../../../src/optimizer/metrics/metrics.ts";
import { sampleOf, toolOf, windowFrom } from "../../../support/learning/samples.ts";
import { SEED } from "../../../support/runner/seed.ts";

const parts = (more: Partial<HealthParts>): HealthParts => ({
  successRate: 1,
  errorRate: 0,
  responseTimeMs: 0,
  utilization: { cpu: 0 },
  bottlenecks: 0,
  ...more,
});

describe("the health score", () => {
  test("is 0.834 for the golden values, 1 for the best, 0 for the worst", () => {
    const golden = parts({
      successRate: 0.94,
      errorRate: 0.02,
      responseTimeMs: 1_200,
      utilization: { cpu: 0.6, memory: 0.2 },
    });
    expect(healthScore(golden)!.score).toBeCloseTo(0.834, 10);
    expect(healthScore(parts({}))).toEqual({ score: 1, level: "excellent" });
    const worst = {
      successRate: 0,
      errorRate: 1,
      responseTimeMs: 60_000,
      utilization: { cpu: 1.7 },
      bottlenecks: 40,
    };
    expect(healthScore(worst)).toEqual({ score: 0, level: "critical" });
  });

  test.each([
    [{}, "excellent"],
    [{ utilization: { cpu: 0.5 } }, "good"],
    [{ utilization: { cpu: 1 }, responseTimeMs: 5_000 }, "acceptable"],
    [{ successRate: 0.5, errorRate: 0.5, utilization: { cpu: 1 } }, "poor"],
    [{ successRate: 0, errorRate: 1, utilization: { cpu: 1 } }, "critical"],
  ] as const)("%j is %s", (more, level) => {
    expect(healthScore(parts(more))!.level).toBe(level);
  });

  test("is unknown without calls, and without any use that is known", () => {
    expect(healthScore(parts({ successRate: null }))).toBeNull();
    expect(healthScore(parts({ utilization: { cpu: null } }))).toBeNull();
    expect(healthScore(parts({ utilization: {} }))).toBeNull();
    // All calls failed: there is no time of a good one, and that part counts as bad.
    expect(healthScore(parts({ responseTimeMs: null }))!.score).toBeCloseTo(0.8);
  });

  test("is never outside 0 to 1", () => {
    const rate = fc.option(fc.double({ min: 0, max: 1, noNaN: true }));
    const use = fc.dictionary(fc.string(), fc.option(fc.double({ min: 0, max: 10, noNaN: true })));
    const any = fc.record({
      successRate: rate,
      errorRate: rate,
      responseTimeMs: fc.option(fc.double({ min: 0, max: 1e9, noNaN: true })),
      utilization: use,
      bottlenecks: fc.nat(),
    });
    fc.assert(
      fc.property(any, (one) => {
        const health = healthScore(one);
        if (health === null) return;
        expect(health.score).toBeGreaterThanOrEqual(0);
        expect(health.score).toBeLessThanOrEqual(1);
      }),
      { seed: SEED },
    );
  });
});

describe("metrics", () => {
  test("are taken of the calls of a window; what nothing was measured of is null", () => {
    const empty = metricsOf(windowFrom([sampleOf({})]));
    expect(empty).toMatchObject({
      calls: 0,
      activeTools: 0,
      responseTimeMs: null,
      successRate: null,
      errorRate: null,
      throughputPerS: 0,
      waitP95Ms: null,
    });
  });

  test("of two tools are those of their calls together", () => {
    const window = windowFrom([
      sampleOf({
        tools: { a: toolOf({ ok: 3, serviceMs: [100, 100, 100], waitMs: [10, 10, 900] }) },
      }),
      sampleOf({ tools: { b: toolOf({ failed: 1, limited: 5 }), c: toolOf({}) } }),
    ]);
    const metrics = metricsOf(window);
    expect(metrics).toMatchObject({
      windowMs: 2_000,
      calls: 4,
      activeTools: 2,
      successRate: 0.75,
      errorRate: 0.25,
      throughputPerS: 2,
    });
    expect(metrics.responseTimeMs).toBeCloseTo(100, 0);
    expect(metrics.waitP95Ms! / 900).toBeCloseTo(1, 1);
  });

  test("use of a resource is that of the busiest machine, as measured or else as believed", () => {
    const machine = { pressure: {}, background: {} };
    const window = windowFrom([
      sampleOf({
        machines: {
          m: { ...machine, usage: { cpu: 0.3, network: null }, believed: { cpu: 0.9, gpu: 0.5 } },
          n: { ...machine, usage: { cpu: 0.6, network: null }, believed: {} },
        },
      }),
    ]);
    expect(metricsOf(window).utilization).toEqual({ cpu: 0.6, network: null, gpu: 0.5 });
  });
});
