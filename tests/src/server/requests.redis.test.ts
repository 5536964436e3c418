import { expect } from "vitest";

import { startServer } from "../../../src/server/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import {
  get,
  post,
  problemOf,
  raw,
  registry,
  report,
  reported,
  server,
  test,
} from "../../support/deployment/served.ts";

const workflow = {
  tutti: 1,
  id: "w",
  steps: [{ id: "a", tool: "core.echo", with: { value: 1 } }],
};

const cancelA = (headers: Record<string, string>) => post("/v1/runs/a/cancel", {}, headers);

test("every problem of a document is reported with a pointer into the body", async ({ tutti }) => {
  const text = "tutti: 1\nid: w\nsteps:\n  - { id: a, tool: core.ecko, needs: [b] }\n";
  const response = await post("/v1/runs", { workflow: text });
  expect(response.status).toBe(422);
  expect(await problemOf(response)).toMatchObject({
    title: "Unprocessable Entity",
    errors: [
      {
        code: "tool_not_found",
        pointer: "#/workflow/steps/0/tool",
        suggestion: "core.echo",
        line: 4,
      },
      { code: "unknown_step", pointer: "#/workflow/steps/0/needs/0", line: 4 },
    ],
  });
  expect(await tutti.list()).toEqual([]);
});

test("an input that does not fit is reported with a pointer too", async () => {
  const inputs = { type: "object", properties: { n: { type: "number" } } };
  const response = await post("/v1/runs", {
    workflow: { ...workflow, inputs },
    input: { n: "three" },
  });
  expect(await problemOf(response)).toMatchObject({
    status: 422,
    code: "input_invalid",
    errors: [{ pointer: "#/input/n" }],
  });
});

test("`__proto__` is refused by name", async () => {
  const response = await post("/v1/runs", '{"workflow": {"__proto__": {"tutti": 1}}}');
  expect((await problemOf(response))["detail"]).toContain("__proto__");
});

for (const [name, body, detail] of [
  ["broken JSON", "{", "expected the body to be JSON"],
  ["no object", "[]", "#: "],
  ["no workflow", "{}", "#: expected either workflow or workflowId, got: none"],
  [
    "a workflow that is a list",
    '{"workflow": []}',
    "#/workflow: expected workflow to be an object or a text, got: []",
  ],
  [
    "an unknown key",
    '{"workflow": "", "inputs": {}}',
    '#/inputs: unknown key "inputs" in the request (did you mean "input"?)',
  ],
  [
    "an input that is no object",
    '{"workflow": "", "input": 1}',
    "#/input: expected input to be an object, got: 1",
  ],
  ["a run id that is none", `{"workflow": ${JSON.stringify(workflow)}, "runId": "a:b"}`, "a:b"],
] as const) {
  test(`${name} is a bad request`, async ({ tutti }) => {
    const problem = await problemOf(await post("/v1/runs", body));
    expect(problem).toMatchObject({ status: 400, code: "request_invalid" });
    expect(problem["detail"]).toContain(detail);
    expect(await tutti.list()).toEqual([]);
  });
}

test("a body that is not JSON is refused, which also keeps forms of other sites out", async () => {
  const response = await post("/v1/runs", "workflow=1", { "content-type": "text/plain" });
  expect(await problemOf(response)).toMatchObject({
    status: 400,
    detail: "expected Content-Type to be application/json, got: text/plain",
  });
  const bodyless = await fetch(`${server.url}/v1/runs`, { method: "POST" });
  expect(await problemOf(bodyless)).toMatchObject({ status: 400, code: "request_invalid" });
});

test("what is too large is refused, as a body and as a document", async () => {
  const body = await post("/v1/runs", { workflow: " ".repeat(27_000_000) });
  expect(await problemOf(body)).toMatchObject({ status: 413, code: "payload_too_large" });
  const document = await post("/v1/runs", { workflow: " ".repeat(5_000_001) });
  expect(await problemOf(document)).toMatchObject({ status: 413, code: "document_too_large" });
});

test("a run id that is taken by another workflow is a conflict", async () => {
  expect((await post("/v1/runs", { workflow, runId: "a" })).status).toBe(202);
  expect((await post("/v1/runs", { workflow, runId: "a" })).status).toBe(202);
  const other = await post("/v1/runs", { workflow: { ...workflow, name: "Other" }, runId: "a" });
  expect(await problemOf(other)).toMatchObject({ status: 409, code: "run_conflict" });
});

for (const query of ["?limit=0", "?limit=x", "?limit=1001", "?state=done", "?page=2"]) {
  test(`the list refuses ${query}`, async () => {
    const problem = await problemOf(await get(`/v1/runs${query}`));
    expect(problem).toMatchObject({ status: 400, code: "request_invalid" });
    expect(problem["errors"]).toHaveLength(1);
  });
}

for (const [method, path] of [
  ["GET", "/v1/runs/none"],
  ["GET", "/v1/runs/none/events"],
  ["POST", "/v1/runs/none/cancel"],
] as const) {
  test(`${method} ${path}: an unknown run is not found`, async () => {
    const response = await fetch(`${server.url}${path}`, { method });
    expect(await problemOf(response)).toMatchObject({ status: 404, code: "run_not_found" });
  });
}

test("unknown addresses and methods are problems too", async () => {
  expect(await problemOf(await get("/v2"))).toMatchObject({ status: 404, code: "not_found" });
  const put = await fetch(`${server.url}/v1/runs`, { method: "PUT" });
  expect(await problemOf(put)).toMatchObject({ status: 404, code: "not_found" });
  expect(await problemOf(await get("/v1/runs/%zz"))).toMatchObject({ status: 400 });
  expect(await problemOf(await get("/v1/tools/none"))).toMatchObject({
    status: 404,
    code: "tool_not_found",
  });
  expect(await problemOf(await get("/v1/tools?category=none"))).toMatchObject({ status: 400 });
});

test("without Redis requests fail as unavailable, health stays and readiness says why", async () => {
  await using away = new Tutti({ redisUrl: "redis://127.0.0.1:1", registry });
  const config = { host: "127.0.0.1", port: 0 };
  const lonely = await startServer({ tutti: away, registry, config });
  const response = await fetch(`${lonely.url}/v1/runs`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ workflow }),
  });
  expect(await problemOf(response)).toMatchObject({ status: 503, code: "redis_unavailable" });
  expect((await fetch(`${lonely.url}/health`)).status).toBe(200);
  const ready = await fetch(`${lonely.url}/ready`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ status: "not_ready", reasons: [/./], workers: 0 });
  await lonely.close();
});

test("an error of ours tells the caller nothing but the correlation id, and is reported", async ({
  tutti,
}) => {
  const broken = Object.assign(Object.create(registry) as typeof registry, {
    list: () => {
      throw new Error("password=hunter2");
    },
  });
  const config = { host: "127.0.0.1", port: 0 };
  const other = await startServer({ tutti, registry: broken, config, reportError: report });
  const problem = await problemOf(await fetch(`${other.url}/v1/tools`));
  expect(problem).toMatchObject({ status: 500, code: "internal_error" });
  expect(JSON.stringify(problem)).not.toContain("hunter2");
  expect(reported).toMatchObject([{ message: "password=hunter2" }]);
  await other.close();
});

test("a correlation id is taken, made when missing, refused when malformed", async ({ tutti }) => {
  const headers = { "x-correlation-id": "abc-1" };
  const given = await post("/v1/runs", { workflow, runId: "a" }, headers);
  expect(given.headers.get("x-correlation-id")).toBe("abc-1");
  expect((await tutti.get("a")).correlationId).toBe("abc-1");
  expect((await get("/health")).headers.get("x-correlation-id")).toMatch(/^[0-9a-f-]{36}$/);
  const refused = await get("/health", { "x-correlation-id": "a b" });
  expect(await problemOf(refused)).toMatchObject({ status: 400, code: "request_invalid" });
});

for (const host of [
  "evil.test",
  "evil.test:3000",
  "127.0.0.1.evil.test",
  "localhost.evil.test",
  "1270.0.0.1",
]) {
  test(`a request for host ${host} is refused`, async () => {
    for (const path of ["/health", "/admin/queues"]) {
      const { status, body } = await raw({ host }, "GET", path);
      expect(status).toBe(400);
      expect(body).toContain("expected Host to be");
    }
  });
}

for (const host of ["localhost", "LOCALHOST:3000", "[::1]:80", "127.0.0.1", "127.0.0.2:1"]) {
  test(`a request for host ${host} is served`, async () => {
    expect((await raw({ host })).status).toBe(200);
  });
}

test("a page of another origin may not change anything, one of ours may", async ({ tutti }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  expect(await problemOf(await cancelA({ origin: "http://evil.test" }))).toMatchObject({
    status: 400,
    code: "request_invalid",
  });
  expect((await cancelA({ origin: "null" })).status).toBe(400);
  const crossSite = await raw({ "sec-fetch-site": "cross-site" }, "POST", "/v1/runs/a/cancel");
  expect(crossSite.status).toBe(400);
  expect((await tutti.get("a")).state).toMatch(/queued|running/);
  expect((await cancelA({ origin: server.url })).status).toBe(202);
});

test("answers carry a policy that allows nothing from elsewhere", async () => {
  const { headers } = await get("/health");
  expect(headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(headers.get("x-content-type-options")).toBe("nosniff");
  expect(headers.get("x-powered-by")).toBeNull();
});

test("a taken port is said, with the setting that changes it", async ({ tutti }) => {
  const port = Number(new URL(server.url).port);
  const second = startServer({ tutti, registry, config: { host: "127.0.0.1", port } });
  await expect(second).rejects.toMatchObject({ code: "address_refused" });
});
