import { stripVTControlCharacters } from "node:util";

import pc from "picocolors";
import { expect, test } from "vitest";

import { Progress } from "../../../src/cli/console/progress.ts";
import type { RunEvent } from "../../../src/runs/view/watch.ts";

type Step = Extract<RunEvent, { type: "step" }>["step"];

const at = (ms: number): string => new Date(ms).toISOString();
const pending: Step = { state: "pending", attempts: 0, startedAt: null, finishedAt: null };
const running: Step = { ...pending, state: "running", attempts: 1, startedAt: at(0) };
const completed: Step = { ...running, state: "completed", finishedAt: at(1_500) };
const event = (stepId: string, step: Step): RunEvent => ({
  type: "step",
  runId: "r",
  stepId,
  step,
});
const snapshot = (steps: Record<string, Step>): RunEvent => ({
  type: "snapshot",
  run: {
    runId: "r",
    workflow: { id: "w", name: "W", hash: "h" },
    state: "running",
    output: null,
    steps,
    submittedAt: at(0),
    startedAt: at(0),
    finishedAt: null,
    tenant: "t",
    actor: "a",
    correlationId: "c",
    admittedAt: null,
    priority: 5,
    target: "balanced",
    epoch: 0,
  },
});

const show = (
  events: readonly RunEvent[],
  terminal: { isTTY?: boolean; columns?: number } = {},
) => {
  const written: string[] = [];
  const progress = new Progress(
    { write: (text) => written.push(text), ...terminal },
    pc.createColors(false),
  );
  for (const one of events) progress.show(one);
  return written;
};

test("without a terminal each step that ends or is tried again is one line", () => {
  const error = { code: "tool_failed", message: "no luck" };
  const lines = show([
    snapshot({ a: running, b: pending, c: pending }),
    event("a", completed),
    event("b", { ...running, state: "retrying", error }),
    event("b", { ...completed, state: "failed", attempts: 2, error }),
    event("c", {
      ...completed,
      state: "skipped",
      startedAt: null,
      attempts: 0,
      reason: "b failed",
    }),
  ]);
  expect(lines).toEqual([
    "completed a  1.5 s\n",
    "retrying  b  no luck\n",
    "failed    b  1.5 s · attempt 2 · no luck\n",
    "skipped   c  b failed\n",
  ]);
});

test("what is undone is told as steps are, and counts as none of them", () => {
  const error = { code: "tool_failed", message: "no way back" };
  const undo = (step: string, state: Step["state"], more: object = {}): RunEvent => ({
    type: "compensation",
    runId: "r",
    compensation: {
      step,
      tool: "undo",
      state,
      attempts: 1,
      startedAt: at(0),
      finishedAt: null,
      ...more,
    },
  });
  const events = [
    snapshot({ a: completed, b: completed }),
    undo("b[1]", "running"),
    undo("b[1]", "completed", { finishedAt: at(1_500) }),
    undo("a", "failed", { finishedAt: at(10), error }),
  ];
  expect(show(events).slice(2)).toEqual([
    "completed undoing b[1] by undo: completed after 1.5 s\n",
    "failed    undoing a by undo: failed after 10 ms: tool_failed: no way back\n",
  ]);
  const drawn = show(events, { isTTY: true, columns: 200 }).at(-1)!;
  expect(stripVTControlCharacters(drawn)).toBe(
    "completed undoing b[1] by undo: completed after 1.5 s\n" +
      "failed    undoing a by undo: failed after 10 ms: tool_failed: no way back\n" +
      "2/2 steps ended, 0 running\n",
  );
});

test("what a snapshot has told is not told again", () => {
  const lines = show([snapshot({ a: completed }), event("a", running), event("a", completed)]);
  expect(lines).toEqual(["completed a  1.5 s\n"]);
});

test("on a terminal a block is rewritten where it stands", () => {
  const written = show([snapshot({ a: running, b: pending }), event("a", completed)], {
    isTTY: true,
    columns: 40,
  });
  expect(written.map((text) => stripVTControlCharacters(text))).toEqual([
    "running   a\n0/2 steps ended, 1 running\n",
    "1/2 steps ended, 0 running\n",
  ]);
  expect(written[1]?.startsWith("\u001B[2A\u001B[0J")).toBe(true);
});

test("the block stays small and its lines do not wrap", () => {
  const steps = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`s${n}`, running]));
  const reason = "x".repeat(100);
  const [text = ""] = show([snapshot({ ...steps, s0: { ...running, reason } })], {
    isTTY: true,
    columns: 0,
  });
  const lines = stripVTControlCharacters(text).trimEnd().split("\n");
  expect(lines).toHaveLength(13);
  for (const line of lines) expect(line.length).toBeLessThan(80);
});
