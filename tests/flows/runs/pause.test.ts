import { expect } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { startRun } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { clockOf, deadlineOf } from "../../support/waiting/deadlines.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

/** Calls of `probe` wait at the turnstile. */
function gated(): { readonly gate: Turnstile; readonly probe: ToolHandler } {
  const gate = new Turnstile();
  const probe: ToolHandler = async (_input, { stepId, signal }) => {
    await gate.pass(stepId, signal);
    return stepId;
  };
  return { gate, probe };
}

test("while a run is paused nothing begins, and what runs goes on", async ({
  orchestra: { tutti, work },
}) => {
  const { gate, probe } = gated();
  await work({ probe });
  const { runId } = await tutti.submit(
    workflow([{ id: "a" }, { id: "b", needs: ["a"] }, { id: "c", needs: ["b"] }]),
  );
  await gate.holds(1);
  expect(await tutti.pause(runId, { actor: "ann" })).toEqual({ state: "paused" });
  expect(await tutti.get(runId)).toMatchObject({ state: "paused", pausedBy: "ann" });
  gate.open();
  await eventually(async () =>
    expect((await tutti.get(runId)).steps["a"]?.state).toBe("completed"),
  );
  // Another run gets through meanwhile: the workers are free, only this run is held.
  const other = await tutti.submit(workflow([{ id: "x" }]));
  await tutti.result(other.runId, { timeoutMs: 20_000 });
  expect(gate.came).toEqual(["a", "x"]);
  expect((await tutti.get(runId)).steps["b"]?.state).toBe("pending");
  expect(await tutti.resume(runId)).toEqual({ state: "running", epoch: 0, steps: [] });
  const run = await tutti.result(runId, { timeoutMs: 20_000 });
  expect(run).toMatchObject({ state: "completed", epoch: 0 });
  expect(run).not.toHaveProperty("pausedBy");
  expect(gate.came).toEqual(["a", "x", "b", "c"]);
});

test("items of a forEach wait too, each once", async ({ orchestra: { tutti, work } }) => {
  const gate = new Turnstile<number>();
  await work({
    probe: async ({ n }, { signal }) => {
      await gate.pass(Number(n), signal);
      return n ?? null;
    },
  });
  const { runId } = await tutti.submit(
    workflow([
      { id: "e", forEach: "[0, 1, 2, 3, 4, 5]", maxParallel: 2, with: { n: "${{ item }}" } },
    ]),
  );
  await gate.holds(2);
  await tutti.pause(runId);
  gate.open();
  await eventually(async () => {
    const { steps } = await tutti.get(runId);
    expect([steps["e[0]"]?.state, steps["e[1]"]?.state]).toEqual(["completed", "completed"]);
  });
  expect(gate.came).toHaveLength(2);
  await tutti.resume(runId);
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  expect(gate.came.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
});

test("the time of a paused run stands still", async ({
  orchestra: { tutti, work },
  redis,
  prefix,
}) => {
  const { gate, probe } = gated();
  const last = gated();
  await work({ probe, one: last.probe });
  const { runId } = await tutti.submit(
    workflow([{ id: "a" }, { id: "b", tool: "one", needs: ["a"] }], { timeoutMs: 600_000 }),
  );
  await gate.holds(1);
  const before = await deadlineOf(redis, prefix, runId);
  const running = await clockOf(redis);
  await tutti.pause(runId);
  const paused = await clockOf(redis);
  gate.open();
  // Another run is late meanwhile, which shows that somebody has looked for late ones.
  const other = await tutti.submit(
    workflow([{ id: "x", tool: "core.sleep", with: { ms: 60_000 } }], { timeoutMs: 20 }),
  );
  expect((await tutti.result(other.runId, { timeoutMs: 20_000 })).state).toBe("timed_out");
  expect((await tutti.get(runId)).state).toBe("paused");
  expect(await deadlineOf(redis, prefix, runId)).toBe(Infinity);
  const late = await clockOf(redis);
  await tutti.resume(runId);
  const resumed = await clockOf(redis);
  // It is later by the pause, whose ends lie between what was read before and after them.
  const moved = (await deadlineOf(redis, prefix, runId)) - before;
  expect(moved).toBeGreaterThanOrEqual(late - paused);
  expect(moved).toBeLessThanOrEqual(resumed - running);
  last.gate.open();
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
});

test("a run that waits for its first step is held and goes on", async ({
  orchestra: { tutti, work },
}) => {
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  await tutti.pause(runId);
  await work({ probe: () => 1 });
  const other = await tutti.submit(workflow([{ id: "x" }]));
  await tutti.result(other.runId, { timeoutMs: 20_000 });
  expect((await tutti.get(runId)).steps["a"]?.state).toBe("pending");
  expect((await tutti.resume(runId)).state).toBe("queued");
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
});

test("a paused run can be cancelled", async ({ orchestra: { tutti, work } }) => {
  const { gate, probe } = gated();
  await work({ probe });
  const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]));
  await gate.holds(1);
  await tutti.pause(runId);
  await tutti.cancel(runId);
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("cancelled");
});

test("pausing twice is pausing once; what has ended or is going on is refused", async ({
  orchestra: { tutti, work },
}) => {
  const { gate, probe } = gated();
  await work({ probe });
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  await gate.holds(1);
  await expect(tutti.resume(runId)).rejects.toMatchObject({ code: "resume_refused" });
  await tutti.pause(runId, { actor: "ann" });
  await tutti.pause(runId, { actor: "bob" });
  expect((await tutti.get(runId)).pausedBy).toBe("ann");
  await expect(
    tutti.resume(runId, { steps: ["a"], input: {}, actor: "ann" }),
  ).rejects.toMatchObject({
    code: "request_invalid",
    issues: [{ path: ["steps"] }, { path: ["input"] }],
  });
  await tutti.resume(runId);
  gate.open();
  await tutti.result(runId, { timeoutMs: 20_000 });
  await expect(tutti.pause(runId)).rejects.toMatchObject({ code: "state_conflict" });
  await expect(tutti.pause("nobody")).rejects.toMatchObject({ code: "run_not_found" });
  await expect(tutti.resume("nobody")).rejects.toMatchObject({ code: "run_not_found" });
});

test("a paused run of which a step stands aside in the middle can be cancelled", async ({
  orchestra: { tutti, work, parts },
}) => {
  const { gate, probe } = gated();
  await work({ probe });
  await tutti.workflows.add(workflow([{ id: "one" }], { id: "child" }));
  const { runId } = await tutti.submit(workflow([{ id: "sub", workflow: "child" }]));
  await gate.holds(1);
  await tutti.pause(runId);
  gate.open();
  // Its run has ended, so the step is entered again, and stands aside.
  await eventually(async () => expect(await parts.waits.heldBack(runId)).toEqual(["sub"]));
  await tutti.cancel(runId);
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("cancelled");
});

test("a parked run that was paused is parked again", async ({
  orchestra: { tutti, work },
  redis,
  prefix,
}) => {
  await work();
  const { runId } = await tutti.submit(
    workflow([{ id: "ok", approval: "?" }], { timeoutMs: 600_000 }),
  );
  const isParked = async () => {
    expect((await tutti.get(runId)).state).toBe("parked");
    // Its time stands still.
    expect(await deadlineOf(redis, prefix, runId)).toBe(Infinity);
  };
  await eventually(isParked);
  await tutti.pause(runId);
  await tutti.resume(runId);
  await eventually(isParked);
  await tutti.approve(runId, "ok");
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
});

test("a step that stands aside for a second pause is called when that is over", async ({
  orchestra: { tutti, work, parts },
}) => {
  const { gate, probe } = gated();
  await work({ probe });
  const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]));
  await gate.holds(1);
  await tutti.pause(runId);
  gate.open();
  const aside = async () => expect(await parts.waits.heldBack(runId)).toEqual(["b"]);
  await eventually(aside);
  // Who lets it go on is slow, and somebody else holds it again before the step has begun.
  const called = (await parts.waits.unpause(runId, 10))?.parked ?? [];
  await tutti.pause(runId);
  await parts.flows.promote([{ queue: "probe", jobId: `wf.${runId}.0.b` }]);
  await eventually(async () =>
    expect(await parts.flows.stateOf("probe", `wf.${runId}.0.b`)).toBe("delayed"),
  );
  await parts.waits.calledBack(runId, called);
  await tutti.resume(runId);
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
});

test("a run that is paused before its turn among serial ones has come takes no place", async ({
  orchestra: { tutti, work, parts },
}) => {
  const { gate, probe } = gated();
  await work({ probe });
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  const start = (runId: string) =>
    startRun(parts, {
      runId,
      definition: plan.definition,
      hash: plan.workflow.hash,
      input: {},
      identity: { tenant: "default", actor: "me", correlationId: "c" },
      serialKey: "line",
      timeoutMs: 60_000,
    });
  await start("first");
  await start("second");
  await gate.holds(1);
  await tutti.pause("second");
  gate.open();
  expect((await tutti.result("first", { timeoutMs: 20_000 })).state).toBe("completed");
  expect((await tutti.get("second")).admittedAt).toBeNull();
  await tutti.resume("second");
  expect((await tutti.result("second", { timeoutMs: 20_000 })).state).toBe("completed");
});
