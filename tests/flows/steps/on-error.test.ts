import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { NEVER, workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const fail: ToolHandler = () => {
  throw new TuttiError("tool_failed", "told to");
};
const failAndRetry: ToolHandler = () => {
  throw new TuttiError("step_execution_failed", "again");
};

describe("onError", () => {
  test("resilient: independent steps go on", async ({ orchestra: { tutti, work } }) => {
    await work({ one: fail, probe: ({ n }) => n ?? null });
    const { runId } = await tutti.submit(
      workflow([{ id: "bad", tool: "one" }, { id: "a" }, { id: "b", needs: ["a"] }]),
    );
    const run = await tutti.result(runId);
    expect(run.state).toBe("partial");
    expect(run.steps["b"]?.state).toBe("completed");
  });

  test("fail_fast: what runs is aborted, what waits is cancelled, the run has failed", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    const bad = new Turnstile();
    let reason: unknown;
    await work({
      probe: async (_input, { stepId, signal }) => {
        signal.addEventListener("abort", () => (reason = signal.reason));
        await gate.pass(stepId, signal);
        return null;
      },
      one: async (_input, { stepId, signal }) => {
        await bad.pass(stepId, signal);
        throw new TuttiError("tool_failed", "told to");
      },
    });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "runs" },
          { id: "behind", needs: ["runs"] },
          { id: "each", needs: ["runs"], forEach: "[1, 2]", with: { x: "${{ item }}" } },
          { id: "bad", tool: "one" },
        ],
        { onError: "fail_fast" },
      ),
    );
    await gate.holds(1);
    bad.open();
    const run = await tutti.result(runId);
    expect(run).toMatchObject({
      state: "failed",
      error: { code: "tool_failed", message: "bad: told to" },
      steps: {
        runs: { state: "cancelled", reason: "bad failed" },
        behind: { state: "cancelled", attempts: 0 },
        each: { state: "cancelled" },
        bad: { state: "failed" },
      },
    });
    expect(reason).toMatchObject({ message: "bad failed" });
    expect(gate.came).toEqual(["runs"]);
  });

  test("fail_fast: nobody waits for the back-off of another step", async ({
    orchestra: { tutti, work },
  }) => {
    const bad = new Turnstile();
    await work({
      probe: failAndRetry,
      one: async (_input, { stepId, signal }) => {
        await bad.pass(stepId, signal);
        throw new TuttiError("tool_failed", "told to");
      },
    });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "again", retry: NEVER },
          { id: "bad", tool: "one" },
        ],
        { onError: "fail_fast" },
      ),
    );
    await eventually(async () => {
      expect((await tutti.get(runId)).steps["again"]?.state).toBe("retrying");
    });
    bad.open();
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("failed");
    expect(run.steps["again"]).toMatchObject({ state: "cancelled", attempts: 1 });
  });

  test("fail_fast: an optional step that fails stops nothing", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ one: fail, probe: () => null });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "bad", tool: "one", optional: true },
          { id: "a", needs: ["bad"] },
        ],
        {
          onError: "fail_fast",
        },
      ),
    );
    expect((await tutti.result(runId)).state).toBe("completed");
  });

  test("fail_fast: an item that fails stops the other items, and its step has failed", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile<number>();
    await work({
      probe: async ({ n }, { signal }) => {
        if (n === 3) {
          await gate.holds(2);
          throw new TuttiError("tool_failed", "three");
        }
        await gate.pass(Number(n), signal);
        return n ?? null;
      },
    });
    const { runId } = await tutti.submit(
      workflow(
        [{ id: "e", forEach: "[1, 2, 3, 4, 5]", maxParallel: 3, with: { n: "${{ item }}" } }],
        { onError: "fail_fast" },
      ),
    );
    const run = await tutti.result(runId);
    expect(run.state).toBe("failed");
    expect(run.steps["e"]).toMatchObject({ state: "failed" });
    expect(run.steps["e[0]"]).toMatchObject({ state: "cancelled" });
    const ended = new Set(["completed", "failed", "cancelled"]);
    expect(Object.values(run.steps).filter(({ state }) => !ended.has(state))).toEqual([]);
  });
});
