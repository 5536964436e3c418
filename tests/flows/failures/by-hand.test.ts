import { describe, expect } from "vitest";

import { cancelRun, type ToolQueues } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

type Call = { readonly stepId: string; readonly signal: AbortSignal };

/** The job of `b` is a child of one of its dependents, and linked to the other. */
const FORK = [
  { id: "a" },
  { id: "b", tool: "two" },
  { id: "other", needs: ["a", "b"], tool: "one" },
  { id: "late", needs: ["b"], tool: "effect" },
];

/** Lets the parent of `b` begin before `b` has ended. */
async function freeParentOf(queues: ToolQueues, runId: string): Promise<void> {
  const job = await queues.get("two").getJob(`wf.${runId}.0.b`);
  expect(await job?.removeChildDependency()).toBe(true);
}

describe("a job that somebody touches by hand", () => {
  test("released early: its step waits all the same, and is called once", async ({
    orchestra: { tutti, work, queues },
  }) => {
    const gate = new Turnstile();
    const called: string[] = [];
    const note = (_input: unknown, { stepId }: Call) => {
      called.push(stepId);
      return null;
    };
    await work({
      probe: note,
      one: note,
      effect: note,
      two: async (_input: unknown, { stepId, signal }: Call) => {
        await gate.pass(stepId, signal);
        return null;
      },
    });
    const { runId } = await tutti.submit(workflow(FORK));
    await gate.holds(1);
    await freeParentOf(queues, runId);
    // It was entered, and waits again.
    const [step] = await eventually(async () => {
      const delayed = [
        ...(await queues.get("effect").getDelayed()),
        ...(await queues.get("one").getDelayed()),
      ];
      expect(delayed.length).toBeGreaterThan(0);
      return delayed;
    });
    expect((await tutti.get(runId)).steps[step!.name]).toMatchObject({
      state: "pending",
      attempts: 0,
    });
    gate.open();
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("completed");
    expect(run.steps["late"]).toMatchObject({ state: "completed", attempts: 1 });
    expect(called.toSorted()).toEqual(["a", "late", "other"]);
    expect(run.steps["late"]!.startedAt! >= run.steps["b"]!.finishedAt!).toBe(true);
  });

  test("released early: a forEach waits all the same, and reads no items before", async ({
    orchestra: { tutti, work, queues },
  }) => {
    const gate = new Turnstile();
    const called: string[] = [];
    await work({
      one: () => null,
      two: async (_input: unknown, { stepId, signal }: Call) => {
        await gate.pass(stepId, signal);
        return null;
      },
      effect: (_input: unknown, { stepId }: Call) => {
        called.push(stepId);
        return null;
      },
    });
    const { runId } = await tutti.submit(
      workflow([
        { id: "b", tool: "two" },
        { id: "other", needs: ["b"], tool: "one" },
        { id: "all", needs: ["b"], tool: "effect", forEach: "[1, 2]" },
      ]),
    );
    await gate.holds(1);
    await freeParentOf(queues, runId);
    await eventually(async () => {
      const again = [
        ...(await queues.get("tutti.each").getDelayed()),
        ...(await queues.get("one").getDelayed()),
      ];
      expect(again.length).toBe(1);
    });
    expect(called).toEqual([]);
    gate.open();
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("completed");
    expect(called).toEqual(["all", "all"]);
  });

  test("released early and then cancelled: the run ends", async ({
    orchestra: { tutti, work, queues, parts },
  }) => {
    const gate = new Turnstile();
    await work({
      two: async (_input: unknown, { stepId, signal }: Call) => {
        await gate.pass(stepId, signal);
        return null;
      },
      one: () => null,
      effect: () => null,
      probe: () => null,
    });
    const { runId } = await tutti.submit(workflow(FORK));
    await gate.holds(1);
    await freeParentOf(queues, runId);
    await eventually(async () => {
      const count = (name: string) => queues.get(name).getDelayedCount();
      expect((await count("effect")) + (await count("one"))).toBeGreaterThan(0);
    });
    await cancelRun(parts, runId, { kind: "cancel", reason: "enough" });
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("cancelled");
  });

  test("removed before it began: its step has failed, those behind it are skipped, the run ends", async ({
    orchestra: { tutti, work, queues },
  }) => {
    const { runId } = await tutti.submit(
      workflow([
        { id: "a" },
        { id: "b", needs: ["a"] },
        { id: "c", needs: ["b"] },
        { id: "d" },
        { id: "e", needs: ["a", "d"], join: "settled" },
      ]),
    );
    expect(await queues.get("probe").remove(`wf.${runId}.0.a`)).toBe(1);
    await work({ probe: () => null });
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run).toMatchObject({
      state: "partial",
      steps: {
        a: { state: "failed", error: { code: "internal_error" } },
        b: { state: "skipped", reason: "a failed" },
        c: { state: "skipped" },
        d: { state: "completed" },
        e: { state: "completed" },
      },
    });
  });

  test("removed, and nothing waits for it: the run says so", async ({
    orchestra: { tutti, work, queues },
  }) => {
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b" }]));
    await queues.get("probe").remove(`wf.${runId}.0.a`);
    await work({ probe: () => null });
    expect(await tutti.result(runId, { timeoutMs: 20_000 })).toMatchObject({
      state: "failed",
      error: { code: "internal_error", message: "a: its job was removed before it ended" },
    });
  });

  test("retried by hand after its end: nothing is called again", async ({
    orchestra: { tutti, work, queues },
  }) => {
    let calls = 0;
    await work({
      probe: () => {
        calls++;
        throw new Error("no");
      },
    });
    const { runId } = await tutti.submit(workflow([{ id: "a", retry: { maxAttempts: 1 } }]));
    const before = await tutti.result(runId);
    const job = (await queues.get("probe").getJob(`wf.${runId}.0.a`))!;
    await eventually(async () => expect(await job.isFailed()).toBe(true));
    await job.retry();
    await eventually(async () => expect(await job.isFailed()).toBe(true));
    expect(await tutti.get(runId, { outputs: true })).toEqual(before);
    expect(calls).toBe(1);
  });
});
