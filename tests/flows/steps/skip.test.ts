import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { test, type Orchestra } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

/** Fails when its input says so. */
const probe: ToolHandler = (input, { stepId }) => {
  if (input["fail"] === true) throw new TuttiError("tool_failed", "told to");
  return stepId;
};
const FAIL = { with: { fail: true } };

async function run({ tutti, work }: Orchestra, steps: readonly object[], more: object = {}) {
  await work({ probe });
  const { runId } = await tutti.submit(workflow(steps, more));
  const { state, steps: ended, error } = await tutti.result(runId, { timeoutMs: 20_000 });
  const short = Object.entries(ended).map(([id, step]) => [
    id,
    [step.state, step.reason ?? step.error?.code].filter(Boolean).join(": "),
  ]);
  return { state, error, steps: Object.fromEntries(short) as Record<string, string>, ended };
}

describe("a step whose dependencies did not complete", () => {
  test("is skipped with the reason, and so are all behind it", async ({ orchestra }) => {
    const { state, steps, ended, error } = await run(orchestra, [
      { id: "a", ...FAIL },
      { id: "b", needs: ["a"] },
      { id: "c", needs: ["b"] },
      { id: "d", needs: ["c"], forEach: "[1]", with: { x: "${{ item }}" } },
      { id: "e" },
    ]);
    expect(steps).toEqual({
      a: "failed: tool_failed",
      b: "skipped: a failed",
      c: "skipped: b was skipped",
      d: "skipped: c was skipped",
      e: "completed",
    });
    expect(state).toBe("partial");
    expect(error).toEqual({ code: "tool_failed", message: "a: told to" });
    expect(ended["b"]).toMatchObject({ attempts: 0 });
  });

  test("runs all the same with `join: settled`", async ({ orchestra }) => {
    const { steps } = await run(orchestra, [
      { id: "a", ...FAIL },
      { id: "b", needs: ["a"] },
      { id: "c", needs: ["a", "b"], join: "settled", with: { saw: "${{ steps.b.state }}" } },
      { id: "d", needs: ["a", "b"], join: "all" },
      { id: "e", needs: ["a", "b"], join: "settled" },
    ]);
    expect(steps).toMatchObject({ c: "completed", d: "skipped: a failed", e: "completed" });
  });

  test("runs when those that did not are optional; the run counts as completed", async ({
    orchestra,
  }) => {
    const { state, steps } = await run(orchestra, [
      { id: "a", optional: true, ...FAIL },
      { id: "b", needs: ["a"] },
    ]);
    expect(steps).toEqual({ a: "failed: tool_failed", b: "completed" });
    expect(state).toBe("completed");
  });

  test("and a run of which nothing completed has failed", async ({ orchestra }) => {
    const { state } = await run(orchestra, [
      { id: "a", ...FAIL },
      { id: "b", needs: ["a"] },
    ]);
    expect(state).toBe("failed");
  });
});

describe("`when`", () => {
  test("false: the step and those behind it are skipped, and the run completes", async ({
    orchestra,
  }) => {
    const { state, steps } = await run(orchestra, [
      { id: "a" },
      { id: "no", when: "${{ steps.a.output == 'b' }}" },
      { id: "behind", needs: ["no"] },
      { id: "yes", when: "steps.a.output == 'a'" },
      { id: "each", when: "false", forEach: "[1, 2]", with: { x: "${{ item }}" } },
    ]);
    expect(steps).toEqual({
      a: "completed",
      no: "skipped: when is false",
      behind: "skipped: no was skipped",
      yes: "completed",
      each: "skipped: when is false",
    });
    expect(state).toBe("completed");
  });

  test.for([
    ["not a truth value", "1 + 1", "expected when to yield true or false, got: 2"],
    ["a reference that is missing", "input.gone == 1", "gone"],
  ] as [string, string, string][])(
    "%s: the step fails",
    async ([, when, message], { orchestra }) => {
      const { ended } = await run(orchestra, [{ id: "a", when }]);
      expect(ended["a"]).toMatchObject({
        state: "failed",
        error: { code: "reference_missing", message: expect.stringContaining(message) as string },
      });
    },
  );

  test("may ask how a dependency ended", async ({ orchestra }) => {
    const { steps } = await run(orchestra, [
      { id: "a", ...FAIL },
      { id: "repair", join: "settled", when: "steps.a.state == 'failed'" },
    ]);
    expect(steps["repair"]).toBe("completed");
  });
});
