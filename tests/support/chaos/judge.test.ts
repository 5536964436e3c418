import { describe, expect, test } from "vitest";

import type { RunView } from "../../../src/index.ts";
import type { Case } from "../../model/random/generator.ts";
import { judge } from "./judge.ts";
import type { WitnessedCall } from "./witness.ts";

const one: Case = {
  workflow: {
    tutti: 1,
    id: "random",
    steps: [
      { id: "a", tool: "effect", retry: {} },
      { id: "b", tool: "probe", needs: ["a"], retry: { maxAttempts: 1 } },
    ],
  },
  script: {},
  cancelAfter: null,
};

const at = (ms: number) => new Date(ms).toISOString();

/** Calls are told as `KEY BEGAN ENDED`, ENDED `-` when their worker died; the place is their id. */
function calls(...told: readonly string[]): WitnessedCall[] {
  return told.map((text, index) => {
    const [key = "", began, ended] = text.split(" ");
    return {
      id: index + 1,
      runId: "r",
      key,
      attempt: 1,
      began: Number(began),
      beganMs: Number(began),
      ended: ended === "-" ? Infinity : Number(ended),
      how: ended === "-" ? "running" : "returned",
      aborted: false,
    };
  });
}

function step(state: string, finished: number, more: object = {}): RunView["steps"][string] {
  const startedAt = state === "skipped" ? null : at(finished - 10);
  const attempts = state === "skipped" ? 0 : 1;
  return {
    state: state as "completed",
    attempts,
    startedAt,
    finishedAt: at(finished),
    ...more,
  };
}

const run = (
  state: RunView["state"],
  a: RunView["steps"][string],
  b: RunView["steps"][string],
): RunView => ({
  runId: "r",
  workflow: { id: "random", name: "random", hash: "x" },
  state,
  submittedAt: at(0),
  admittedAt: at(0),
  startedAt: at(1),
  priority: 5,
  target: "balanced",
  epoch: 0,
  finishedAt: at(100),
  output: null,
  steps: { a, b },
  tenant: "default",
  actor: "test",
  correlationId: "r",
});

const calm = run(
  "completed",
  step("completed", 20, { output: { call: 1 } }),
  step("completed", 50, { output: { call: 2 } }),
);
const unknown = { error: { code: "effect_unknown", message: "its worker died" } };
const because = { reason: "a failed" };

describe("the judge of the storm allows", () => {
  test("a run that nothing happened to", () => {
    expect(judge(one, calm, calls("a 11 15", "b 41 45"), undefined)).toEqual({
      wrong: [],
      unknown: 0,
      lost: 0,
      again: 0,
      doubles: [],
    });
  });

  test("a call of an idempotent tool that is made again", () => {
    const again = run("completed", calm.steps["a"]!, {
      ...calm.steps["b"]!,
      output: { call: 3 },
    });
    const verdict = judge(one, again, calls("a 11 15", "b 41 -", "b 43 45"), undefined);
    expect(verdict).toMatchObject({ wrong: [], again: 1, doubles: [] });
  });

  test.for([
    ["during its call", calls("a 11 -")],
    ["before its call", []],
  ] as const)("a tool that is not idempotent whose worker died %s", ([, seen]) => {
    const failed = run("failed", step("failed", 20, unknown), step("skipped", 21, because));
    expect(judge(one, failed, seen, undefined)).toMatchObject({ wrong: [], unknown: 1 });
  });
});

describe("the judge of the storm forbids", () => {
  test.for([
    ["a state that does not follow from the steps", { ...calm, state: "partial" }, "the run: was"],
    [
      "an outcome that nothing explains",
      run("partial", calm.steps["a"]!, step("failed", 50, unknown)),
      "b: was failed (effect_unknown)",
    ],
    [
      "a result of no call",
      run("completed", step("completed", 20, { output: { call: 9 } }), calm.steps["b"]!),
      "a: completed with the result of no call",
    ],
    [
      "a step that goes on although the one before it was lost",
      run("partial", step("failed", 20, unknown), calm.steps["b"]!),
      "b: was completed",
    ],
  ] as const)("%s", ([, seen, says]) => {
    const { wrong } = judge(one, seen, calls("a 11 15", "b 41 45"), undefined);
    expect(wrong.join("\n")).toContain(says);
  });

  test("a second call of a tool that is not idempotent", () => {
    const { doubles } = judge(one, calm, calls("a 11 15", "b 41 45", "a 16 -"), undefined);
    expect(doubles).toEqual(["a"]);
  });
});
