import { expect, test } from "vitest";

import { runResult, runText } from "../../../src/operations/text/run-text.ts";
import type { RunView } from "../../../src/runs/view/run-view.ts";

const failed = { state: "failed", attempts: 1, startedAt: null, finishedAt: null };
const run = {
  runId: "r",
  workflow: { id: "w", name: "W", hash: "h" },
  state: "failed",
  output: null,
  startedAt: null,
  finishedAt: null,
  steps: {
    web: {
      ...failed,
      name: "Ask it",
      error: {
        code: "tool_failed",
        message: "x.test answered 404",
        details: { status: 404, body: `no such\n thing ${"x".repeat(500)}` },
      },
    },
    command: {
      ...failed,
      error: { code: "step_execution_failed", message: "c failed", details: { stdout: "seen" } },
    },
    plain: { ...failed, error: { code: "tool_failed", message: "no" } },
  },
  compensation: [
    {
      step: "b",
      tool: "undo",
      state: "completed",
      attempts: 1,
      startedAt: "2026-01-01T00:00:00.000Z",
      finishedAt: "2026-01-01T00:00:01.500Z",
    },
    {
      step: "a",
      state: "failed",
      attempts: 2,
      startedAt: null,
      finishedAt: null,
      error: { code: "tool_failed", message: "stuck" },
    },
  ],
} as unknown as RunView;

test("a failure shows what was answered or written, and what was undone is seen", () => {
  const lines = runText(run).split("\n");
  expect(lines[2]).toBe("web: tool_failed: x.test answered 404");
  expect(lines[3]).toMatch(/^ {2}no such thing x{20}/);
  expect(lines[3]!.length).toBeLessThan(310);
  expect(lines.slice(4)).toEqual([
    "command: step_execution_failed: c failed",
    "  seen",
    "plain: tool_failed: no",
    "undoing b by undo: completed after 1.5 s",
    "undoing a: failed, attempt 2: tool_failed: stuck",
  ]);
});

test("the JSON of a run has the names of steps and what was undone", () => {
  expect(runResult(run)).toMatchObject({
    steps: { web: { name: "Ask it" } },
    compensation: [{ step: "b" }, { step: "a" }],
  });
});
