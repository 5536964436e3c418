import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import type { StepView } from "../../../src/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { SOON, workflow } from "../../support/drawn/workflows.ts";

/** Fails so often, then returns how often it was called. */
function failing(times: number, error = new TuttiError("step_execution_failed", "not yet")) {
  const at: number[] = [];
  const handler: ToolHandler = (_input, { attempt }) => {
    at.push(performance.now());
    // Being sent away with a time to come back uses up no attempt.
    expect(attempt).toBe("retryAfterMs" in error.details ? 1 : at.length);
    if (at.length <= times) throw error;
    return at.length;
  };
  return { handler, at, pauses: () => at.slice(1).map((time, index) => time - at[index]!) };
}

describe("a step that fails", () => {
  test("is tried again, and the record counts the calls", async ({
    orchestra: { tutti, work },
  }) => {
    const { handler } = failing(2);
    await work({ probe: handler });
    const { runId } = await tutti.submit(workflow([{ id: "a", retry: SOON }]));
    expect((await tutti.result(runId)).steps["a"]).toMatchObject({
      state: "completed",
      attempts: 3,
      output: 3,
    });
  });

  test.for([1, 2, 5])(
    "is called %i times at most: maxAttempts",
    async (maxAttempts, { orchestra }) => {
      const { tutti, work } = orchestra;
      const { handler, at } = failing(Infinity);
      await work({ probe: handler });
      const { runId } = await tutti.submit(
        workflow([{ id: "a", retry: { ...SOON, maxAttempts } }]),
      );
      expect((await tutti.result(runId)).steps["a"]).toMatchObject({
        state: "failed",
        attempts: maxAttempts,
        error: { code: "step_execution_failed", message: "not yet" },
      });
      expect(at).toHaveLength(maxAttempts);
    },
  );

  test("is called 4 times by default, and once when its tool is not idempotent", async ({
    orchestra: { tutti, work },
  }) => {
    const idempotent = failing(Infinity);
    const other = failing(Infinity);
    await work({ probe: idempotent.handler, effect: other.handler });
    const { runId } = await tutti.submit(
      workflow([
        { id: "a", retry: { baseDelayMs: 1 } },
        { id: "b", tool: "effect" },
      ]),
    );
    const { steps } = await tutti.result(runId);
    expect(steps).toMatchObject({ a: { attempts: 4 }, b: { attempts: 1, state: "failed" } });
    expect([idempotent.at.length, other.at.length]).toEqual([4, 1]);
  });

  test("is tried again although not idempotent when the workflow says so", async ({
    orchestra: { tutti, work },
  }) => {
    const { handler } = failing(1);
    await work({ effect: handler });
    const { runId } = await tutti.submit(
      workflow([{ id: "a", tool: "effect", retry: { ...SOON, maxAttempts: 2 } }]),
    );
    expect((await tutti.result(runId)).steps["a"]).toMatchObject({
      state: "completed",
      attempts: 2,
    });
  });

  test("is not tried again when that cannot help", async ({ orchestra: { tutti, work } }) => {
    const { handler, at } = failing(Infinity, new TuttiError("tool_denied", "no"));
    await work({ probe: handler });
    const { runId } = await tutti.submit(workflow([{ id: "a", retry: SOON }]));
    expect((await tutti.result(runId)).steps["a"]).toMatchObject({
      attempts: 1,
      error: { code: "tool_denied" },
    });
    expect(at).toHaveLength(1);
  });

  test.for([
    ["fixed", [60, 60, 60]],
    ["linear", [60, 120, 180]],
    ["exponential", [60, 120, 200]],
  ] as const)("pauses %s, up to maxDelayMs", async ([backoff, expected], { orchestra }) => {
    const { handler, pauses } = failing(3);
    await orchestra.work({ probe: handler });
    const retry = { backoff, baseDelayMs: 60, maxDelayMs: 200, jitter: false };
    const { runId } = await orchestra.tutti.submit(workflow([{ id: "a", retry }]));
    expect((await orchestra.tutti.result(runId)).state).toBe("completed");
    // BullMQ's clock is in whole milliseconds, ours is not.
    for (const [index, pause] of pauses().entries())
      expect(pause).toBeGreaterThanOrEqual(expected[index]! - 2);
  });

  test("leaves the tool alone as long as that asked for", async ({
    orchestra: { tutti, work },
  }) => {
    const busy = new TuttiError("tool_unavailable", "busy", { details: { retryAfterMs: 300 } });
    const { handler, pauses } = failing(1, busy);
    const { runId } = await tutti.submit(workflow([{ id: "a", retry: SOON }]));
    // Heard rather than looked up: a busy machine may sleep through the whole pause.
    const events = tutti.watch(runId)[Symbol.asyncIterator]();
    expect((await events.next()).value).toMatchObject({ type: "snapshot" });
    await work({ probe: handler });
    let retrying: StepView | undefined;
    for await (const event of { [Symbol.asyncIterator]: () => events })
      if (event.type === "step" && event.step.state === "retrying") retrying = event.step;
    expect(retrying).toMatchObject({ attempts: 0, error: { code: "tool_unavailable" } });
    const ended = await tutti.result(runId);
    expect(ended.state, JSON.stringify(ended)).toBe("completed");
    expect(pauses()[0]).toBeGreaterThanOrEqual(298);
  });
});
