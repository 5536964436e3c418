import { expect } from "vitest";

import { forgetRun } from "../../../queues/worker.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

const WAIT = { timeoutMs: 20_000 };
const once = { retry: { maxAttempts: 1 } } as const;

/** Fails as long as it is broken; counts its calls by step. */
function machine() {
  const state = { broken: true, calls: [] as string[] };
  const probe = (_input: unknown, { stepId }: { stepId: string }) => {
    state.calls.push(stepId);
    if (state.broken) throw new Error(`${stepId} is broken`);
    return Promise.resolve(null);
  };
  return { state, probe };
}

const failing = workflow(
  [
    { id: "a", with: { n: "${{ input.n }}" }, retry: { maxAttempts: 2, baseDelayMs: 1 } },
    { id: "b", needs: ["a"] },
  ],
  { inputs: { type: "object" } },
);

test("a step that failed in the end can be looked at and done again", async ({
  orchestra: { tutti, work },
}) => {
  const { state, probe } = machine();
  await work({ probe });
  const { runId } = await tutti.submit(failing, {
    input: { n: 7 },
    actor: "ann",
    correlationId: "case-1",
  });
  await tutti.result(runId, WAIT);
  const summary = {
    runId,
    step: "a",
    workflowId: "wf",
    tool: "probe",
    tenant: "default",
    error: { code: "step_execution_failed", message: "a is broken" },
    attempts: 2,
    failedAt: expect.stringMatching(/Z$/) as string,
  };
  expect(await tutti.deadLetters.list()).toEqual({ letters: [summary], total: 1 });
  expect(await tutti.deadLetters.show(runId, "a")).toEqual({
    ...summary,
    with: { n: "${{ input.n }}" },
    input: { n: 7 },
    actor: "ann",
    correlationId: "case-1",
  });
  state.broken = false;
  expect(await tutti.deadLetters.replay(runId, "a", { actor: "bob" })).toEqual({
    runId,
    letters: ["a"],
    epoch: 1,
    steps: ["a", "b"],
  });
  expect(await tutti.result(runId, WAIT)).toMatchObject({
    state: "completed",
    epochs: [{ resumedBy: "bob" }],
  });
  expect(await tutti.deadLetters.list()).toEqual({ letters: [], total: 0 });
  await expect(tutti.deadLetters.show(runId, "a")).rejects.toMatchObject({
    code: "dead_letter_not_found",
  });
});

test("items have letters of their own, with their values", async ({
  orchestra: { tutti, work },
}) => {
  let broken = true;
  const calls: string[] = [];
  await work({
    probe: ({ n }) => {
      calls.push(JSON.stringify(n));
      if (broken && n !== "one") throw new Error("broken");
      return Promise.resolve(null);
    },
  });
  const { runId } = await tutti.submit(
    workflow([
      { id: "e", forEach: '["one", "two", "three"]', with: { n: "${{ item }}" }, ...once },
    ]),
  );
  await tutti.result(runId, WAIT);
  const { letters } = await tutti.deadLetters.list();
  expect(letters.map(({ step }) => step).toSorted()).toEqual(["e[1]", "e[2]"]);
  expect(await tutti.deadLetters.show(runId, "e[2]")).toMatchObject({ item: "three" });
  broken = false;
  calls.length = 0;
  await tutti.deadLetters.replay(runId, "e[1]");
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  expect(calls.toSorted()).toEqual(['"three"', '"two"']);
});

test("all are done again, each run once; what cannot be says why", async ({
  orchestra: { tutti, work },
}) => {
  const { state, probe } = machine();
  await work({ probe });
  const twice = workflow([
    { id: "x", ...once },
    { id: "y", ...once },
  ]);
  for (const runId of ["r0", "r1", "r2"]) await tutti.submit(twice, { runId });
  await tutti.submit(twice, { runId: "theirs", tenant: "other" });
  // Still open: one of its steps waits.
  await tutti.submit(
    workflow([
      { id: "x", ...once },
      { id: "ok", approval: "?" },
    ]),
    {
      runId: "open",
    },
  );
  for (const runId of ["r0", "r1", "r2", "theirs"]) await tutti.result(runId, WAIT);
  await expect.poll(async () => (await tutti.deadLetters.list()).total).toBe(9);
  expect((await tutti.deadLetters.list({ tenant: "other" })).total).toBe(2);
  const page = await tutti.deadLetters.list({ limit: 4, offset: 6 });
  expect([page.letters.length, page.total]).toEqual([3, 9]);
  // What somebody put aside is not done again.
  await tutti.deadLetters.discard("r2", "y");
  state.broken = false;
  state.calls.length = 0;
  const replayed = await tutti.deadLetters.replayAll({ tenant: "default", actor: "ann" });
  expect(replayed.toSorted((a, b) => a.runId.localeCompare(b.runId))).toMatchObject([
    { runId: "open", letters: ["x"], steps: [], refused: { code: "resume_refused" } },
    { runId: "r0", letters: ["x", "y"], steps: ["x", "y"], epoch: 1 },
    { runId: "r1", letters: ["x", "y"], steps: ["x", "y"], epoch: 1 },
    { runId: "r2", letters: ["x"], steps: ["x"], epoch: 1 },
  ]);
  for (const runId of ["r0", "r1", "r2"]) await tutti.result(runId, WAIT);
  expect(state.calls.toSorted()).toEqual(["x", "x", "x", "y", "y"]);
  expect((await tutti.get("r2")).state).toBe("partial");
  expect((await tutti.deadLetters.list()).letters.map(({ runId }) => runId).toSorted()).toEqual([
    "open",
    "theirs",
    "theirs",
  ]);
  await expect(tutti.deadLetters.replay("open", "x")).rejects.toMatchObject({
    code: "resume_refused",
  });
});

test("more than a page of them is gone through to the end", async ({
  orchestra: { tutti },
  redis,
  prefix,
}) => {
  // Letters of runs that are gone: each is looked at once, refused, and stays.
  const entries = Array.from({ length: 450 }, (_, index) => [index, `gone-${index} a`]).flat();
  await redis.zadd(`${prefix}.dead`, ...entries);
  const replayed = await tutti.deadLetters.replayAll();
  expect(new Set(replayed.map(({ runId }) => runId)).size).toBe(450);
  expect(replayed[449]).toMatchObject({ runId: "gone-449", refused: { code: "run_not_found" } });
  expect(await tutti.deadLetters.discardAll()).toEqual({ discarded: 450 });
  expect(await tutti.deadLetters.list()).toEqual({ letters: [], total: 0 });
});

test("discarding forgets the letters and nothing else", async ({ orchestra: { tutti, work } }) => {
  const { probe } = machine();
  await work({ probe });
  const one = workflow([{ id: "x", ...once }]);
  await tutti.submit(one, { runId: "mine" });
  await tutti.submit(one, { runId: "theirs", tenant: "other" });
  for (const runId of ["mine", "theirs"]) await tutti.result(runId, WAIT);
  expect(await tutti.deadLetters.discardAll({ tenant: "other" })).toEqual({ discarded: 1 });
  expect((await tutti.deadLetters.list({ tenant: "other" })).total).toBe(0);
  await tutti.deadLetters.discard("mine", "x");
  expect((await tutti.deadLetters.list()).total).toBe(0);
  expect((await tutti.deadLetters.list({ tenant: "default" })).total).toBe(0);
  expect((await tutti.get("mine")).steps["x"]?.state).toBe("failed");
  await expect(tutti.deadLetters.discard("mine", "x")).rejects.toMatchObject({
    code: "dead_letter_not_found",
  });
  for (const step of ["nope", "x[0]", "x y"])
    await expect(tutti.deadLetters.show("mine", step)).rejects.toMatchObject({
      code: "dead_letter_not_found",
    });
  await expect(tutti.deadLetters.replay("nobody", "x")).rejects.toMatchObject({
    code: "run_not_found",
  });
  await expect(tutti.deadLetters.list({ limit: 0 })).rejects.toMatchObject({
    code: "request_invalid",
  });
});

test("a run that is removed takes its letters along", async ({
  orchestra: { tutti, work, parts },
  redis,
  prefix,
}) => {
  const { probe } = machine();
  await work({ probe });
  const { runId } = await tutti.submit(workflow([{ id: "x", ...once }]));
  await tutti.result(runId, WAIT);
  expect((await tutti.deadLetters.list()).total).toBe(1);
  await expect.poll(() => forgetRun(parts, runId)).toBe(true);
  expect(await redis.exists(`${prefix}.dead`, `${prefix}.dead:default`)).toBe(0);
});

test("a failure inside a sub-run is a letter of the step that it works for", async ({
  orchestra: { tutti, work },
}) => {
  const { state, probe } = machine();
  await work({ probe });
  await tutti.workflows.add(workflow([{ id: "x", ...once }], { id: "inner" }));
  const { runId } = await tutti.submit(workflow([{ id: "sub", workflow: "inner" }]));
  await tutti.result(runId, WAIT);
  expect(await tutti.deadLetters.list()).toMatchObject({
    letters: [{ runId, step: "sub", error: { code: "sub_run_failed" } }],
    total: 1,
  });
  state.broken = false;
  await tutti.deadLetters.replay(runId, "sub");
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  expect((await tutti.deadLetters.list()).total).toBe(0);
});
