import { describe, expect, test } from "vitest";

import { type Sample } from "../../../../queues/client.ts";
import { parseStepRecord } from "../../../../queues/index.ts";
import { analyzeRun } from "../../../../src/runs/analysis/analyze.ts";
import { waitReasons } from "../../../../src/runs/analysis/waited.ts";
import { stepView, type RunView } from "../../../../src/runs/view/run-view.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";
import { gatehouseTools } from "../../../support/gate/gatehouse.ts";

type Times = Readonly<
  Record<string, readonly [eligible: number, started: number, finished: number, attempts?: number]>
>;

const at = (seconds: number): string => new Date(seconds * 1_000).toISOString();

function analyze(document: object, times: Times) {
  const { definition } = prepare({ tutti: 1, id: "w", ...document }, gatehouseTools);
  const steps = Object.fromEntries(
    Object.entries(times).map(([step, [eligible, started, finished, attempts = 1]]) => [
      step,
      {
        state: "completed",
        tool: "ask",
        attempts,
        eligibleAtMs: eligible * 1_000,
        startedAt: at(started),
        finishedAt: at(finished),
      },
    ]),
  );
  const view = { runId: "r", submittedAt: at(0), admittedAt: at(1), steps } as unknown as RunView;
  return analyzeRun(view, definition);
}

/** A step that reads what others made. */
const step = (id: string, ...needs: string[]) => ({
  id,
  tool: "ask",
  with: { of: needs.map((need) => `\${{ steps.${need}.output }}`) },
});

test("the critical path leads back from the last end, and says where its time went", () => {
  const found = analyze(
    { steps: [step("a"), step("b"), step("c", "a", "b"), step("d", "c"), step("e", "a")] },
    { a: [1, 1, 3], b: [1, 4, 9], c: [9, 9, 10], d: [10, 11, 20], e: [3, 3, 5] },
  );
  expect(found).toMatchObject({
    totalMs: 20_000,
    admissionMs: 1_000,
    criticalPath: ["b", "c", "d"],
    pathWaitMs: 4_000,
    pathRunMs: 15_000,
  });
  const slack = Object.fromEntries(found.steps.map((one) => [one.step, one.slackMs]));
  expect(slack).toEqual({ a: 6_000, b: 0, c: 0, d: 0, e: 15_000 });
  expect(found.recommendations).toEqual([{ kind: "waiting", step: "b", tool: "ask", ms: 3_000 }]);
});

test("calling again, and one step that is most of the run, are told", () => {
  const { recommendations } = analyze(
    { steps: [step("a"), step("b", "a")] },
    { a: [0, 0, 6], b: [6, 6, 10, 3] },
  );
  expect(recommendations).toEqual([
    { kind: "longest", step: "a", ms: 6_000 },
    { kind: "retries", step: "b", attempts: 3, ms: 4_000 },
  ]);
});

test("steps that go one after another for nothing are told, with what that costs", () => {
  const steps = [step("a"), step("b"), step("c", "a")];
  const times: Times = { a: [0, 0, 4], b: [4, 4, 8], c: [8, 8, 12] };
  const { criticalPath, recommendations } = analyze({ steps, mode: "sequential" }, times);
  expect(criticalPath).toEqual(["a", "b", "c"]);
  expect(recommendations).toContainEqual({
    kind: "independent",
    pairs: [
      ["a", "b"],
      ["b", "c"],
    ],
    ms: 4_000,
  });
  const needed = [step("a"), step("b", "a"), step("c", "b")];
  expect(analyze({ steps: needed, mode: "sequential" }, times).recommendations).toEqual([]);
});

test("steps that need others of which they take nothing: so much sooner, where the order does not matter", () => {
  const times: Times = { a: [0, 0, 4], b: [4, 4, 8], c: [8, 8, 12] };
  const chain = (more: object) => [
    step("a"),
    { id: "b", tool: "ask", needs: ["a"], ...more },
    step("c", "b"),
  ];
  const orderOf = (more: object) =>
    analyze({ steps: chain(more) }, times).recommendations.filter(
      ({ kind }) => kind === "order_only",
    );
  expect(orderOf({})).toEqual([{ kind: "order_only", pairs: [["a", "b"]], ms: 4_000 }]);
  for (const more of [
    { with: { x: "${{ steps.a.output.x }}" } },
    { when: "steps.a.output.ok" },
    { forEach: "steps.a.output" },
    { join: "settled" },
    { preconditions: [{ check: "steps.a.output.ok" }] },
  ])
    expect(orderOf(more), JSON.stringify(more)).toEqual([]);
  // It is on no critical path: nothing would be sooner.
  const side = { steps: [step("a"), { id: "b", tool: "ask", needs: ["a"] }, step("c", "a")] };
  const beside: Times = { a: [0, 0, 4], b: [4, 4, 5], c: [4, 4, 12] };
  expect(analyze(side, beside).recommendations.map(({ kind }) => kind)).toEqual(["longest"]);
});

test("a step that is checked against another takes something from it", () => {
  const check = {
    ...step("b"),
    needs: ["a"],
    postconditions: [{ check: "output == steps.a.output" }],
  };
  const times: Times = { a: [0, 0, 4], b: [4, 4, 8] };
  expect(analyze({ steps: [step("a"), check] }, times).recommendations).toEqual([]);
});

test("where steps take turns anyway, a need more makes nothing later", () => {
  const steps = [step("a"), step("b"), { ...step("c"), needs: ["a"] }];
  const times: Times = { a: [0, 0, 4], b: [4, 4, 8], c: [8, 8, 12] };
  const { recommendations } = analyze({ steps, mode: "sequential" }, times);
  expect(recommendations.map(({ kind }) => kind)).toEqual(["independent"]);
});

test("a pause in the middle is not taken for what an order costs", () => {
  const times: Times = { a: [0, 0, 4], b: [1_000, 1_000, 1_004] };
  const steps = [step("a"), { ...step("b"), needs: ["a"] }];
  const { recommendations } = analyze({ steps }, times);
  expect(recommendations.filter(({ kind }) => kind === "order_only")).toEqual([]);
});

test("long chains are analyzed too, in whatever order they were written", () => {
  const length = 5_000;
  const ids = Array.from({ length }, (_, n) => `s${n}`);
  const steps = ids.map((id, n) => ({ id, tool: "ask", needs: n === 0 ? [] : [ids[n - 1]!] }));
  const times = Object.fromEntries(ids.map((id, n) => [id, [n, n, n + 1] as const]));
  for (const document of [{ steps }, { steps: steps.toReversed() }]) {
    const { criticalPath, recommendations } = analyze(document, times);
    expect(criticalPath).toHaveLength(length);
    expect(recommendations[0]).toMatchObject({ kind: "order_only", ms: (length - 1) * 1_000 });
    expect(recommendations[0]).toMatchObject({ pairs: { length: 20 } });
  }
});

test("a run of which nothing has ended yet has no path", () => {
  expect(analyze({ steps: [step("a")] }, {})).toMatchObject({
    totalMs: 0,
    criticalPath: [],
    steps: [],
    recommendations: [],
  });
});

describe("what did not run", () => {
  const record = (letter: string, start: number, end: number, attempts: number): string =>
    `${letter}1,${start * 1_000},${end * 1_000},${attempts}|${letter === "F" ? '{"code":"tool_failed","message":"no"}' : ""}`;
  const analyzed = (document: object, records: Readonly<Record<string, string>>) => {
    const { definition } = prepare({ tutti: 1, id: "w", ...document }, gatehouseTools);
    const steps = Object.fromEntries(
      Object.entries(records).map(([id, text]) => [
        id,
        stepView(parseStepRecord(text), "ask", undefined, 0),
      ]),
    );
    const view = { runId: "r", submittedAt: at(0), admittedAt: at(0), steps } as unknown as RunView;
    return { views: steps, ...analyzeRun(view, definition) };
  };

  test("has no times, and the path of a failed run ends at the last step that was called", () => {
    const chain = [step("a"), step("b", "a"), step("c", "b"), step("d", "c")];
    const { criticalPath, views, totalMs, steps } = analyzed(
      { steps: chain },
      {
        a: record("C", 0, 4, 1),
        b: record("F", 4, 6, 2),
        c: record("S", 9, 9, 0),
        d: record("X", 9, 9, 0),
      },
    );
    expect(criticalPath).toEqual(["a", "b"]);
    expect(totalMs).toBe(6_000);
    expect(steps.map((one) => one.step)).toEqual(["a", "b"]);
    const none = { startedAt: null, finishedAt: null, eligibleAtMs: null };
    expect(views).toMatchObject({ c: none, d: none, b: { finishedAt: at(6) } });
  });

  test("is passed over: what it needs was waited for", () => {
    const { criticalPath, views } = analyzed(
      { steps: [step("a"), step("b", "a"), { ...step("c", "b"), join: "settled" }] },
      {
        a: record("F", 0, 4, 1),
        b: record("S", 4, 4, 0),
        c: record("C", 4, 9, 1),
      },
    );
    expect(criticalPath).toEqual(["a", "c"]);
    expect(views["b"]?.startedAt).toBeNull();
  });

  test("a call that was cancelled has its times", () => {
    const { criticalPath } = analyzed({ steps: [step("a")] }, { a: record("X", 1, 3, 1) });
    expect(criticalPath).toEqual(["a"]);
  });
});

test("what a step waited for stands in the analysis, as samples and its own fields tell", () => {
  const tool = (blockedMs: object, servedBy = 1) => ({ tools: { ask: { blockedMs, servedBy } } });
  const samples = [
    { atMs: 1_000, ms: 1_000, ...tool({ "rate:x": 1_000 }) },
    { atMs: 3_000, ms: 1_000, ...tool({ "slots:tool:ask": 800, "rate:x": 100 }) },
    { atMs: 4_000, ms: 1_000, ...tool({ "slots:tool:ask": 2_000 }, 2) },
    { atMs: 5_000, ms: 1_000, ...tool({}, 0) },
  ] as unknown as Sample[];
  expect(waitReasons(samples, "ask", { fromMs: 2_000, toMs: 4_500 })).toEqual([
    { reason: "slots:tool:ask", ms: 1_800 },
    { reason: "no_worker", ms: 500 },
    { reason: "rate:x", ms: 100 },
  ]);
  expect(waitReasons(samples, "other", { fromMs: 0, toMs: 9_000 })).toEqual([]);
  const { definition } = prepare(
    { tutti: 1, id: "w", steps: [{ id: "ok", approval: "Go?" }, step("b")] },
    gatehouseTools,
  );
  const ran = { state: "completed", attempts: 1, startedAt: at(4), finishedAt: at(5) };
  const view = {
    runId: "r",
    submittedAt: at(0),
    admittedAt: at(0),
    steps: { ok: ran, b: { ...ran, tool: "ask", eligibleAtMs: 2_000, finishedAt: at(6) } },
  } as unknown as RunView;
  const { steps, recommendations } = analyzeRun(view, definition, samples);
  expect(steps).toMatchObject([
    { step: "ok", reason: "approval: Go?" },
    { step: "b", waitedFor: [{ reason: "slots:tool:ask" }, { reason: "rate:x" }] },
  ]);
  expect(recommendations).toContainEqual({
    kind: "waiting",
    step: "b",
    tool: "ask",
    ms: 2_000,
    reason: "slots:tool:ask",
  });
});
