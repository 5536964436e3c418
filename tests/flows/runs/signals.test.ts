import { expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const WAIT = { timeoutMs: 20_000 };
const on = (id: string, event: string, more: object = {}) => ({
  id,
  event,
  ...more,
});
const after = (id: string, waitMs: number | string, more: object = {}) => ({
  id,
  waitMs,
  ...more,
});

test("an event goes to every step of the run that waits for it, now or later", async ({
  orchestra: { tutti, work },
}) => {
  const { runId } = await tutti.submit(
    workflow([
      on("a", "paid"),
      { id: "b", needs: ["a"] },
      on("c", "paid", { needs: ["b"] }),
      on("d", "sent"),
    ]),
  );
  await work({ probe: () => Promise.resolve(null) });
  await eventually(async () => {
    expect(await tutti.get(runId)).toMatchObject({
      state: "parked",
      steps: { a: { state: "waiting", reason: "event paid" }, c: { state: "pending" } },
    });
  });
  expect(await tutti.signal(runId, "paid", { sum: 3 }, { by: "bank" })).toEqual({
    steps: ["a", "c"],
  });
  await expect(tutti.signal(runId, "payed")).rejects.toMatchObject({
    code: "request_invalid",
    message: expect.stringContaining("they wait for: paid, sent"),
  });
  await tutti.signal(runId, "sent");
  const run = await tutti.result(runId, WAIT);
  expect(run).toMatchObject({
    state: "completed",
    steps: { a: { output: { sum: 3 } }, c: { output: { sum: 3 } }, d: { output: null } },
  });
  // The first one stands; a run that has ended has got all it wanted.
  expect(await tutti.signal(runId, "paid", { sum: 4 })).toEqual({ steps: ["a", "c"] });
  expect((await tutti.get(runId, { outputs: true })).steps["a"]?.output).toEqual({ sum: 3 });
});

test("an event for a step that ended without it comes too late", async ({
  orchestra: { tutti, work },
}) => {
  await work();
  const { runId } = await tutti.submit(workflow([on("a", "paid", { timeoutMs: 20 })]));
  expect((await tutti.result(runId, WAIT)).steps["a"]?.error?.code).toBe("wait_timed_out");
  await expect(tutti.signal(runId, "paid")).rejects.toMatchObject({ code: "decision_late" });
});

test("an event of a tenant reaches all its open runs that wait for it, and no other", async ({
  orchestra: { tutti, work },
}) => {
  await work();
  const plan = workflow([on("a", "paid")]);
  const mine = [await tutti.submit(plan), await tutti.submit(plan)];
  const other = await tutti.submit(plan, { tenant: "other" });
  await tutti.events.emit("paid", { sum: 1 }, { actor: "bank" });
  for (const { runId } of mine)
    expect((await tutti.result(runId, WAIT)).steps["a"]?.output).toEqual({ sum: 1 });
  await eventually(async () => expect((await tutti.get(other.runId)).state).toBe("parked"));
  expect(await tutti.signal(other.runId, "paid", 2)).toEqual({ steps: ["a"] });
  expect((await tutti.result(other.runId, WAIT)).state).toBe("completed");
});

test("a timer lets its run go on after its time, which does not count for the run", async ({
  orchestra: { tutti, work },
}) => {
  await work({ probe: () => Promise.resolve(null) });
  const { runId } = await tutti.submit(
    workflow([after("w", "${{ input.ms }}"), { id: "b", needs: ["w"] }], {
      inputs: { type: "object" },
      // Enough for the rest of the run on a machine that stands still now and then.
      timeoutMs: 5_000,
      output: "${{ steps.w.output.waitedMs >= 6000 }}",
    }),
    { input: { ms: 6_000 } },
  );
  const run = await tutti.result(runId, WAIT);
  expect(run.state).toBe("completed");
  expect(run.output).toBe(true);
});

test("a paused run does not go on when its timer is over or its event comes", async ({
  orchestra: { tutti, work },
}) => {
  await work({ probe: () => Promise.resolve(null) });
  const { runId } = await tutti.submit(
    workflow([after("w", 50), on("e", "go"), { id: "b", needs: ["w", "e"] }]),
  );
  await eventually(async () => expect((await tutti.get(runId)).steps["e"]?.state).toBe("waiting"));
  await tutti.pause(runId);
  await tutti.signal(runId, "go");
  const other = await tutti.submit(workflow([after("w", 100)]));
  await tutti.result(other.runId, WAIT);
  expect(await tutti.get(runId)).toMatchObject({
    state: "paused",
    steps: { b: { state: "pending" } },
  });
  await tutti.resume(runId);
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
});
