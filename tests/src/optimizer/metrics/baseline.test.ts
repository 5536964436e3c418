import { expect, test } from "vitest";

import { baselineBottlenecks } from "../../../../src/optimizer/metrics/baseline.ts";

const of = (responseTimeMs: number | null, cpu: number | null = 0) => ({
  responseTimeMs,
  utilization: { cpu },
});

test("response times that grow by more than half a second a window are a degradation", () => {
  expect(baselineBottlenecks([of(1_000), of(2_000), of(2_600)])).toEqual([
    "response_time_degradation",
  ]);
  expect(baselineBottlenecks([of(1_000), of(2_000), of(2_500)])).toEqual([]);
  expect(baselineBottlenecks([of(1_000), of(9_000)])).toEqual([]);
  expect(baselineBottlenecks([of(null), of(1_000), of(9_000)])).toEqual([]);
});

test("only the last ten windows are looked at", () => {
  const calm = Array.from({ length: 10 }, () => of(6_000));
  expect(baselineBottlenecks([of(0), ...calm])).toEqual([]);
  expect(baselineBottlenecks([of(0), ...calm.slice(1)])).toEqual(["response_time_degradation"]);
});

test("a resource that is used above nine tenths is overused, by its name", () => {
  const calm = [of(1, 0.99), of(1, 0.5)];
  expect(baselineBottlenecks([...calm, of(1, 0.91)])).toEqual(["cpu_overutilization"]);
  expect(baselineBottlenecks([...calm, of(1, 0.9)])).toEqual([]);
  expect(baselineBottlenecks([...calm, of(1, null)])).toEqual([]);
  expect(baselineBottlenecks([of(1, 0.99), of(1, 0.99)])).toEqual([]);
});
