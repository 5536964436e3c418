import { expect, test } from "vitest";

import { changeOf } from "../../../src/operations/command/values.ts";
import { historyText, reportText } from "../../../src/operations/text/report-text.ts";
import { simulationText } from "../../../src/operations/text/simulation-text.ts";
import { REPORT_VERSION, type OptimizerReport } from "../../../src/optimizer/think.ts";

const REPORT: OptimizerReport = {
  version: REPORT_VERSION,
  windowMs: 5_000,
  samples: 5,
  metrics: {
    at: "2026-01-01T00:00:05.000Z",
    windowMs: 5_000,
    calls: 40,
    activeTools: 2,
    utilization: { cpu: 0.625, network: null },
    responseTimeMs: 1_500,
    successRate: 0.75,
    errorRate: 0.25,
    throughputPerS: 8,
    waitP95Ms: 200,
  },
  late: null,
  health: { score: 0.7, level: "acceptable" },
  bottlenecks: [
    {
      tool: "ask",
      kind: "rate_limited",
      culprit: "api",
      since: "2026-01-01T00:00:00.000Z",
      reliefMs: 28_000,
      evidence: {
        busy: 1,
        waiting: 12,
        drainMs: 30_000,
        ended: 40,
        failed: 0,
        meanMs: null,
        inflation: null,
        blocked: { rate: 0.9 },
      },
    },
  ],
  trends: { responseTimeMs: null, errorRate: null, throughputPerS: null },
  baseline: [],
  adjustments: { wishes: [] },
  aims: { targets: {}, planned: [] },
  degradation: null,
  canary: null,
  caps: { learned: [], measured: [] },
  cacheHints: [],
  anomalies: [],
  forecasts: {},
  alerts: {
    standing: [
      { name: "error_rate", since: "2026-01-01T00:00:00.000Z", value: 0.25, threshold: 0.1 },
      { name: "response_time", since: "2026-01-01T00:00:00.000Z", value: 6_000, threshold: 5_000 },
    ],
    raised: [],
    resolved: [],
  },
};

test("a report tells health, metrics, bottlenecks and alerts; what is not known is called so", () => {
  expect(reportText(REPORT).split("\n")).toEqual([
    "health 0.700 (acceptable)",
    "40 calls in 5.0 s: 75 % went well, mean 1.5 s, 95 of 100 began within 200 ms",
    "use of the busiest machine: cpu 62.5 %, network unknown",
    "BOTTLENECK  WHY                OF   SHORTENS RUNS BY  WAITING  DRAINS IN  SINCE",
    "ask         a rate is used up  api  28.0 s            12       30.0 s     2026-01-01T00:00:00.000Z",
    "alert error_rate: 25 %, above 10 %, since 2026-01-01T00:00:00.000Z",
    "alert response_time: 6.0 s, above 5.0 s, since 2026-01-01T00:00:00.000Z",
  ]);
});

test("what calls take is compared with the last hour, once that is known", () => {
  const name = "performance_degradation" as const;
  const alert = { name, since: "2026-01-01T00:00:00.000Z", value: 1.7, threshold: 1.5 };
  const text = reportText({
    ...REPORT,
    degradation: 1.68,
    alerts: { ...REPORT.alerts, standing: [alert] },
  });
  expect(text).toContain("mean 1.5 s (1.68 times as long as in the last hour), 95 of 100");
  expect(text).toContain(
    "alert performance_degradation: 1.70 times as long as in the last hour, above 1.50 times",
  );
});

test("where results may be worth keeping it says what they took, and what the canary does", () => {
  const at = "2026-01-01T00:00:00.000Z";
  const canary = {
    workflowId: "bird",
    last: { runId: "c", state: "failed", tookMs: 1_500, reason: "tool_failed: ill", at } as const,
    failed: 2,
    runs: 60,
    failedInARow: 1,
  };
  const cacheHints = [{ tool: "ask", calls: 40, hitShare: 0.5, sparedMs: 20_000 }];
  const text = reportText({ ...REPORT, canary, cacheHints });
  expect(text).toContain(
    "canary bird: failed in 1.5 s (tool_failed: ill); 2 of the last 60 did not complete",
  );
  expect(text).toContain(
    "a cache may pay for ask: 50 % of its 40 calls in about an hour had an input as before; they took 20.0 s",
  );
});

test("a dry run tells what would be raised, and by whom a machine is used that is full", () => {
  const foretold = { gain: 1.5, low: 1.42, high: 1.6, waitSavedMs: 0, recordedMs: 1, plays: 5 };
  const raise = {
    id: 1,
    tool: "ask",
    what: "concurrency",
    from: 2,
    to: 3,
    why: "",
    atMs: 0,
  } as const;
  const [bottleneck] = REPORT.bottlenecks;
  const text = reportText({
    ...REPORT,
    bottlenecks: [{ ...bottleneck!, kind: "resource_bound", culprit: "cpu", machine: "m0" }],
    adjustments: { wishes: [], proposed: { ...raise, foretold } },
  });
  expect(text).toContain("cpu, by others on m0");
  expect(text).toContain(
    "would raise concurrency of ask from 2 to 3; in the model 1.50 times as many calls end (1.42 to 1.60)",
  );
  const untold = reportText({ ...REPORT, adjustments: { wishes: [], proposed: raise } });
  expect(untold).toMatch(/would raise concurrency of ask from 2 to 3$/m);
});

test("where nothing was measured it says why there is no score", () => {
  const { metrics } = REPORT;
  const none = { ...REPORT, health: null, bottlenecks: [], metrics: { ...metrics, calls: 0 } };
  expect(reportText(none)).toContain("health unknown: no call has ended in the last 5.0 s");
  expect(reportText({ ...none, metrics })).toContain("no use of any machine is known");
  expect(reportText(none)).toContain("no bottleneck");
  expect(reportText(null)).toMatch(/^Nothing was sampled yet/);
});

test("the history tells what was changed, what it did and who took it back", () => {
  const adjustment = {
    id: 3,
    tool: "ask",
    what: "concurrency",
    from: 2,
    to: 3,
    why: "jobs wait",
    atMs: 0,
  } as const;
  const effect = { beforePerS: 4, afterPerS: 6, gain: 1.5, bar: 1.1, windows: 3 };
  const by = "optimizer";
  const text = historyText([
    { event: "rolled_back", by: "ada", adjustment, atMs: 2 },
    { event: "judged", verdict: "kept", reason: "more end", effect, by, adjustment, atMs: 1 },
    { event: "made", by, adjustment, atMs: 0 },
  ]);
  expect(text.split("\n").map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
    "AT | ID | TOOL | CHANGE | WHAT | WHY",
    "1970-01-01T00:00:00.002Z | 3 | ask | concurrency 2 -> 3 | rolled back | by ada",
    "1970-01-01T00:00:00.001Z | 3 | ask | concurrency 2 -> 3 | kept | more end: 4.0 -> 6.0 calls a second, gain 1.50, bar 1.10",
    "1970-01-01T00:00:00.000Z | 3 | ask | concurrency 2 -> 3 | made | jobs wait",
  ]);
  expect(historyText([])).toBe("Nothing was changed yet.");
});

test("a change is asked for as what=value, and told with what it gains and how sure that is", () => {
  expect(changeOf(["ask.concurrency=4", "a.b.rate=3/1s", "a.b.rate=100/m", "machines=3"])).toEqual({
    tools: {
      ask: { concurrency: 4 },
      "a.b": {
        rates: [
          { max: 3, durationMs: 1_000 },
          { max: 100, durationMs: 60_000 },
        ],
      },
    },
    machines: 3,
  });
  expect(() => changeOf(["ask=4"])).toThrow(/expected tool.concurrency=4/);
  const before = { begun: 9, ended: 10, waiting: 5, meanWaitMs: 4_000, p95WaitMs: 9_000 };
  const after = { ...before, ended: 20, meanWaitMs: 1_000 };
  const text = simulationText({
    recordedMs: 60_000,
    plays: 20,
    unknown: ["tell"],
    tools: {
      ask: {
        before,
        after,
        ended: { mean: 10, low: 8.6, high: 11.4 },
        waitMs: { mean: -3_000, low: -3_500, high: -2_500 },
      },
    },
  });
  expect(text.split("\n").map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
    "the load of the last 1 min 0 s, played 20 times",
    "TOOL | CALLS THAT END | DIFFERENCE | MEAN WAIT | DIFFERENCE",
    "ask | 10 -> 20 | +10 (+9 to +11) | 4.0 s -> 1.0 s | -3.0 s (-3.5 s to -2.5 s)",
    "not played, as nobody knows how long their calls take: tell",
  ]);
});
