import { expect } from "vitest";

import { get, post, problemOf, server, test } from "../../support/deployment/served.ts";

const approving = {
  tutti: 1,
  id: "w",
  steps: [
    { id: "ok", approval: "Ship?" },
    { id: "paid", event: "paid" },
    { id: "a", tool: "core.echo", needs: ["ok", "paid"], with: { value: 1 } },
  ],
};
const failing = {
  tutti: 1,
  id: "f",
  inputs: { type: "object", properties: { n: { type: "number" } } },
  steps: [
    { id: "no", approval: "?" },
    { id: "a", tool: "core.echo", needs: ["no"], with: { value: "${{ input.n }}" } },
  ],
};

const json = async (response: Response) => (await response.json()) as Record<string, unknown>;

test("a run is held, ranked, let go on and decided about", async ({ tutti, work }) => {
  await post("/v1/runs", { workflow: approving, runId: "r" });
  const paused = await post("/v1/runs/r/pause", { actor: "ann" });
  expect([paused.status, await json(paused)]).toEqual([200, { runId: "r", state: "paused" }]);
  expect(await json(await get("/v1/runs/r"))).toMatchObject({ pausedBy: "ann" });
  const ranked = await post("/v1/runs/r/priority", { priority: 8 });
  expect([ranked.status, await json(ranked)]).toEqual([
    200,
    { runId: "r", state: "paused", priority: 8 },
  ]);
  const resumed = await fetch(`${server.url}/v1/runs/r/resume`, { method: "POST" });
  expect([resumed.status, await json(resumed)]).toEqual([
    202,
    { runId: "r", state: "queued", epoch: 0, steps: [] },
  ]);
  const approved = await post("/v1/runs/r/approve", { step: "ok", by: "ann", data: [1] });
  expect(approved.status).toBe(200);
  expect(await json(approved)).toMatchObject({ runId: "r", step: "ok", by: "ann", first: true });
  const signalled = await post("/v1/runs/r/signal", {
    event: "paid",
    data: { sum: 3 },
    by: "bank",
  });
  expect([signalled.status, await json(signalled)]).toEqual([200, { runId: "r", steps: ["paid"] }]);
  await work();
  expect(await tutti.result("r")).toMatchObject({
    state: "completed",
    steps: { ok: { output: { by: "ann", data: [1] } }, paid: { output: { sum: 3 } } },
  });
  const late = await problemOf(await post("/v1/runs/r/reject", { step: "ok" }));
  expect(late).toMatchObject({ status: 409, code: "decision_late" });
  expect(await problemOf(await post("/v1/runs/r/pause", {}))).toMatchObject({
    status: 409,
    code: "state_conflict",
  });
  expect(await problemOf(await post("/v1/runs/nobody/pause", {}))).toMatchObject({
    status: 404,
    code: "run_not_found",
  });
});

test("bodies that do not fit are refused with every problem", async () => {
  for (const [path, body, pointers] of [
    ["pause", { who: "ann" }, ["#/who"]],
    ["resume", { steps: [], form: ["a"] }, ["#/steps", "#/form"]],
    ["approve", { by: "" }, ["#/by", "#/step"]],
    ["reject", { step: 1 }, ["#/step"]],
    ["signal", { data: 1 }, ["#/event"]],
    ["priority", { priority: 11 }, ["#/priority"]],
  ] as const) {
    const problem = await problemOf(await post(`/v1/runs/r/${path}`, body));
    expect(problem).toMatchObject({ status: 400, code: "request_invalid" });
    const found = (problem["errors"] as { pointer: string }[]).map(({ pointer }) => pointer);
    expect(found.toSorted()).toEqual([...pointers].toSorted());
  }
});

test("what failed is done again; what is wrong with the new inputs is told by its place", async ({
  tutti,
  work,
}) => {
  await post("/v1/runs", { workflow: failing, runId: "r", input: { n: 1 } });
  await post("/v1/runs/r/reject", { step: "no" });
  await work();
  expect((await tutti.result("r")).state).toBe("failed");
  const wrong = { from: ["nope"], input: { n: "two" }, with: { no: {} } };
  const problem = await problemOf(await post("/v1/runs/r/resume", wrong));
  const places = (problem["errors"] as { pointer: string }[]).map(({ pointer }) => pointer);
  expect(places.toSorted()).toEqual(["#/from/0", "#/input/n", "#/with/no"]);
  const resumed = await post("/v1/runs/r/resume", { input: { n: 2 }, actor: "ann" });
  expect(resumed.status).toBe(202);
  expect(await json(resumed)).toMatchObject({ epoch: 1, steps: ["no", "a"] });
  await post("/v1/runs/r/approve", { step: "no" });
  expect(await tutti.result("r")).toMatchObject({
    state: "completed",
    steps: { a: { output: { value: 2 } } },
  });
});

test("dead letters are listed, shown, done again and discarded", async ({ tutti, work }) => {
  for (const runId of ["r0", "r1", "r2", "r3"]) {
    await post("/v1/runs", { workflow: failing, runId });
    await post(`/v1/runs/${runId}/reject`, { step: "no", by: "ann" });
  }
  await work();
  for (const runId of ["r0", "r1", "r2", "r3"]) await tutti.result(runId);
  const { groups } = await json(await get("/v1/dead-letters/groups?tenant=default"));
  expect(groups).toMatchObject([
    { tool: "approval", count: expect.any(Number), example: { step: "no" } },
  ]);
  const page = await json(await get("/v1/dead-letters?limit=3&offset=2&tenant=default"));
  expect(page).toMatchObject({ total: 4 });
  expect(page["letters"]).toHaveLength(2);
  expect(await json(await get("/v1/dead-letters/r0/no"))).toMatchObject({
    runId: "r0",
    step: "no",
    tool: "approval",
    error: { code: "approval_rejected" },
    input: {},
  });
  const one = await post("/v1/dead-letters/r0/no/replay", { actor: "ann" });
  expect([one.status, await json(one)]).toEqual([
    202,
    { runId: "r0", letters: ["no"], epoch: 1, steps: ["no", "a"] },
  ]);
  const remove = (path: string) => fetch(`${server.url}${path}`, { method: "DELETE" });
  expect(await json(await remove("/v1/dead-letters/r1/no"))).toEqual({
    runId: "r1",
    step: "no",
    discarded: true,
  });
  expect(await problemOf(await remove("/v1/dead-letters/r1/no"))).toMatchObject({
    status: 404,
    code: "dead_letter_not_found",
  });
  const all = await json(await post("/v1/dead-letters/replay", { tenant: "default" }));
  expect(all["replayed"]).toHaveLength(2);
  expect(await json(await remove("/v1/dead-letters?tenant=default"))).toEqual({ discarded: 0 });
  expect(await problemOf(await get("/v1/dead-letters?limit=0"))).toMatchObject({ status: 400 });
});
