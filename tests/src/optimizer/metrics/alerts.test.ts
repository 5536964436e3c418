import { expect, test } from "vitest";

import {
  judgeAlerts,
  NO_ALERTS,
  type AlertState,
} from "../../../../src/optimizer/metrics/alerts.ts";
import type { Metrics } from "../../../../src/optimizer/metrics/metrics.ts";

const metrics = (more: Partial<Metrics>): Metrics => ({
  at: "2026-01-01T00:00:00.000Z",
  windowMs: 5_000,
  calls: 100,
  activeTools: 1,
  utilization: {},
  responseTimeMs: 100,
  successRate: 1,
  errorRate: 0,
  throughputPerS: 20,
  waitP95Ms: null,
  ...more,
});

/** Lets windows pass; what each raised and resolved. */
function pass(
  windows: readonly (Partial<Metrics> & {
    readonly degradation?: number | null;
    readonly failedInARow?: number;
  })[],
): string[][] {
  let state: AlertState = NO_ALERTS;
  return windows.map(({ degradation: ratio = null, failedInARow, ...more }) => {
    const changes = judgeAlerts(state, metrics(more), {
      degradation: { ratio, calls: more.calls ?? 100 },
      canary: failedInARow === undefined ? null : { failedInARow },
    });
    ({ state } = changes);
    return [
      ...changes.raised.map(({ name }) => `+${name}`),
      ...changes.resolved.map(({ name }) => `-${name}`),
    ];
  });
}

test("an alert is raised after two windows above its threshold, once, and resolved after two well below", () => {
  const bad = { errorRate: 0.2 };
  const edge = { errorRate: 0.095 };
  const good = { errorRate: 0.05 };
  expect(pass([bad, bad, bad, edge, edge, good, bad, good, good, good])).toEqual([
    [],
    ["+error_rate"],
    [],
    [],
    [],
    [],
    [],
    [],
    ["-error_rate"],
    [],
  ]);
});

test("response times have one, and every resource has its own", () => {
  const slow = { responseTimeMs: 5_001, utilization: { cpu: 0.95, memory: 0.2 } };
  expect(pass([slow, slow, { utilization: { cpu: 0.1, memory: 0.95 } }])).toEqual([
    [],
    ["+response_time", "+resource_utilization:cpu"],
    [],
  ]);
});

test("calls that take half as long again as within the last hour are a degradation (R107)", () => {
  const windows = [1.6, 1.6, null, 1.4, 1.3, 1.3].map((degradation) => ({ degradation }));
  const few = { degradation: 9, calls: 4 };
  expect(pass([few, few, ...windows]).flat()).toEqual([
    "+performance_degradation",
    "-performance_degradation",
  ]);
});

test("a canary that fails twice in a row is one, until it completes or is turned off", () => {
  const rows = (...all: readonly number[]) => all.map((failedInARow) => ({ failedInARow }));
  const raised = [[], [], [], ["+canary"]];
  expect(pass(rows(1, 1, 2, 2, 0, 0))).toEqual([...raised, [], ["-canary"]]);
  expect(pass([...rows(1, 1, 2, 2), {}, {}])).toEqual([...raised, [], ["-canary"]]);
});

test("a window that says nothing changes nothing", () => {
  const bad = { errorRate: 1 };
  const few = { calls: 4, errorRate: 1, responseTimeMs: 9_999 };
  const unknown = { errorRate: null, responseTimeMs: null, utilization: { cpu: null } };
  expect(pass([few, few, few, bad, few, bad, unknown, unknown])).toEqual([
    [],
    [],
    [],
    [],
    [],
    ["+error_rate"],
    [],
    [],
  ]);
});
