import { expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const WAIT = { timeoutMs: 20_000 };
const approval = (more: object = {}) => ({
  id: "ok",
  approval: "Ship it?",
  ...more,
});
const shipping = (more: object = {}) =>
  workflow([
    approval(more),
    { id: "ship", needs: ["ok"], with: { by: "${{ steps.ok.output.by }}" } },
  ]);

test("a run waits for an approval without a worker, and goes on with it", async ({
  orchestra: { tutti, work },
}) => {
  const inputs: unknown[] = [];
  await work({
    probe: (input) => {
      inputs.push(input);
      return Promise.resolve(null);
    },
  });
  const { runId } = await tutti.submit(shipping());
  await eventually(async () => {
    expect(await tutti.get(runId)).toMatchObject({
      state: "parked",
      steps: { ok: { state: "waiting", reason: "approval: Ship it?" } },
    });
  });
  const decision = await tutti.approve(runId, "ok", { by: "ann", data: { ticket: 7 } });
  expect(decision).toMatchObject({ step: "ok", decision: "approved", by: "ann", first: true });
  const run = await tutti.result(runId, WAIT);
  expect(run).toMatchObject({
    state: "completed",
    steps: {
      ok: { output: { approved: true, by: "ann", at: decision.at, data: { ticket: 7 } } },
    },
  });
  expect(inputs).toEqual([{ by: "ann" }]);
});

test("a rejected step fails, and what it was needed for is skipped", async ({
  orchestra: { tutti, work },
}) => {
  await work({ probe: () => Promise.resolve(null) });
  const { runId } = await tutti.submit(shipping());
  await eventually(async () => expect((await tutti.get(runId)).state).toBe("parked"));
  await tutti.reject(runId, "ok", { by: "bob", data: "too early" });
  const run = await tutti.result(runId, WAIT);
  expect(run).toMatchObject({
    state: "failed",
    steps: {
      ok: {
        state: "failed",
        error: { code: "approval_rejected", details: { by: "bob", data: "too early" } },
      },
      ship: { state: "skipped" },
    },
  });
});

test("a decision that comes before its step is kept", async ({ orchestra: { tutti, work } }) => {
  const { runId } = await tutti.submit(
    workflow([{ id: "a" }, approval({ needs: ["a"] }), { id: "ship", needs: ["ok"] }]),
  );
  expect((await tutti.approve(runId, "ok", { by: "ann" })).first).toBe(true);
  await work({ probe: () => Promise.resolve(null) });
  expect((await tutti.result(runId, WAIT)).steps["ok"]).toMatchObject({
    state: "completed",
    output: { by: "ann" },
  });
});

test("the first decision stands: the same again says so, another comes too late", async ({
  orchestra: { tutti },
}) => {
  const { runId } = await tutti.submit(shipping());
  const first = await tutti.approve(runId, "ok", { by: "ann" });
  expect(await tutti.approve(runId, "ok", { by: "bob" })).toEqual({ ...first, first: false });
  await expect(tutti.reject(runId, "ok", { by: "bob" })).rejects.toMatchObject({
    code: "decision_late",
    message: expect.stringContaining("approved by ann"),
  });
});

test("nobody answers in time: the step fails, and an answer comes too late", async ({
  orchestra: { tutti, work },
}) => {
  const worker = await work({ probe: () => Promise.resolve(null) });
  const { runId } = await tutti.submit(shipping({ timeoutMs: 50 }));
  const run = await tutti.result(runId, WAIT);
  expect(run.steps["ok"]).toMatchObject({
    state: "failed",
    error: { code: "wait_timed_out" },
  });
  await expect(tutti.approve(runId, "ok")).rejects.toMatchObject({ code: "decision_late" });
  // Resumed, it asks again; as nobody works meanwhile, its time does not run while the answer is on its way.
  await worker.close();
  await tutti.resume(runId);
  await tutti.approve(runId, "ok", { by: "ann" });
  await work({ probe: () => Promise.resolve(null) });
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
});

test("only what waits for approval can be approved, of a run that is there", async ({
  orchestra: { tutti },
}) => {
  const { runId } = await tutti.submit(shipping());
  await expect(tutti.approve(runId, "ship")).rejects.toMatchObject({ code: "request_invalid" });
  await expect(tutti.approve(runId, "nope")).rejects.toMatchObject({ code: "unknown_step" });
  await expect(tutti.approve("nobody", "ok")).rejects.toMatchObject({ code: "run_not_found" });
  await expect(tutti.signal("nobody", "e")).rejects.toMatchObject({ code: "run_not_found" });
  await expect(tutti.approve(runId, "ok", { data: "x".repeat(300_000) })).rejects.toMatchObject({
    code: "payload_too_large",
  });
  await expect(tutti.reject(runId, "ok", { by: "" })).rejects.toMatchObject({
    code: "request_invalid",
  });
  await tutti.cancel(runId);
  await expect(tutti.approve(runId, "ok")).rejects.toMatchObject({ code: "decision_late" });
});
