import { expect } from "vitest";

import { get, post, problemOf, server, test } from "../../support/deployment/served.ts";

const document = (value: number) => ({
  tutti: 1,
  id: "w",
  inputs: { type: "object", properties: { n: { type: "number" } } },
  steps: [{ id: "a", tool: "core.echo", with: { value } }],
  output: "${{ steps.a.output }}",
});

const put = (path: string, workflow: unknown) =>
  fetch(`${server.url}${path}`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ workflow }),
  });
const remove = (path: string) => fetch(`${server.url}${path}`, { method: "DELETE" });

test("a workflow is put, listed, read, started and removed", async ({ tutti, work }) => {
  const first = await put("/v1/workflows/w", document(1));
  expect(first.status).toBe(201);
  const { hash } = (await first.json()) as { hash: string };
  expect((await put("/v1/workflows/w", document(1))).status).toBe(200);
  expect((await put("/v1/workflows/w", JSON.stringify(document(2)))).status).toBe(201);
  expect(await (await get("/v1/workflows")).json()).toMatchObject({
    workflows: [{ id: "w", versions: 2 }],
  });
  expect(await (await get(`/v1/workflows/w?hash=${hash}`)).json()).toMatchObject({
    hash,
    document: document(1),
  });
  await work();
  const started = await post("/v1/runs", { workflowId: "w", hash, input: { n: 1 }, runId: "r" });
  expect(started.status).toBe(202);
  expect(await started.json()).toEqual({ runId: "r" });
  expect((await tutti.result("r")).workflow.hash).toBe(hash);
  const gone = await remove("/v1/workflows/w");
  expect(await gone.json()).toEqual({
    removed: 2,
    left: 0,
    usedBy: { schedules: [], triggers: [] },
  });
  expect(await problemOf(await remove("/v1/workflows/w"))).toMatchObject({
    status: 404,
    code: "workflow_not_found",
  });
});

test("Idempotency-Key makes a submission and a start repeatable", async () => {
  await put("/v1/workflows/w", document(1));
  const key = { "idempotency-key": "order 17" };
  const ids = await Promise.all(
    [{ workflowId: "w" }, { workflowId: "w" }, { workflow: document(1) }].map(async (body) => {
      const response = await post("/v1/runs", body, key);
      return ((await response.json()) as { runId: string }).runId;
    }),
  );
  expect(new Set(ids).size).toBe(1);
  const other = await post("/v1/runs", { workflow: document(2) }, key);
  expect(await problemOf(other)).toMatchObject({ status: 409, code: "run_conflict" });
  const long = await post("/v1/runs", { workflowId: 1 }, { "idempotency-key": "x".repeat(256) });
  expect(await problemOf(long)).toMatchObject({
    status: 400,
    errors: [{ pointer: "#/workflowId" }, { parameter: "Idempotency-Key" }],
  });
});

test.for([
  [{}, ["#"]],
  [{ workflow: document(1), workflowId: "w" }, ["#"]],
  [{ workflow: document(1), hash: "h" }, ["#/hash"]],
  [{ hash: "h", input: {} }, ["#", "#/hash"]],
] as const)("a run of %j is refused with all problems", async ([body, pointers]) => {
  const problem = await problemOf(await post("/v1/runs", body));
  expect(problem).toMatchObject({ status: 400, code: "request_invalid" });
  expect((problem["errors"] as { pointer: string }[]).map((one) => one.pointer)).toEqual(pointers);
});

test("a document with another id than its address is refused", async () => {
  expect(await problemOf(await put("/v1/workflows/x", document(1)))).toMatchObject({
    status: 400,
    code: "request_invalid",
  });
  expect(
    await problemOf(await put("/v1/workflows/w", { ...document(1), steps: [] })),
  ).toMatchObject({
    status: 422,
    errors: [{ pointer: "#/workflow/steps" }],
  });
});
