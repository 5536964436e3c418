import { expect } from "vitest";

import { toolSpec } from "../../../config/index.ts";
import { laneOf } from "../../../queues/names.ts";
import { get, post, problemOf, registry, server, test } from "../../support/deployment/served.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** Ends as soon as somebody works on it. */
const workflow = {
  tutti: 1,
  id: "w",
  inputs: { type: "object", properties: { n: { type: "number", default: 1 } } },
  steps: [{ id: "a", tool: "core.echo", with: { value: "${{ input.n }}" } }],
  output: "${{ steps.a.output }}",
};

const runsOf = async (query: string) => {
  const { runs } = (await (await get(`/v1/runs${query}`)).json()) as {
    runs: { runId: string }[];
  };
  return runs.map((run) => run.runId);
};

const toolsOf = async (query: string) => {
  const { tools } = (await (await get(`/v1/tools${query}`)).json()) as {
    tools: { id: string; binding: string | null; category: string; capabilities: string[] }[];
  };
  return tools;
};

const pause = (queue: string) =>
  fetch(`${server.boardUrl}/api/queues/${queue}/pause`, { method: "PUT" });

test("a run is accepted with its address, and is read there when it has ended", async ({
  tutti,
  work,
}) => {
  const response = await post("/v1/runs", { workflow, input: { n: 7 }, runId: "mine" });
  expect(response.status).toBe(202);
  expect(await response.json()).toEqual({ runId: "mine" });
  expect(response.headers.get("location")).toBe("/v1/runs/mine");
  await work();
  await tutti.result("mine");
  const run = (await (await get("/v1/runs/mine")).json()) as Record<string, unknown>;
  expect(run).toMatchObject({
    runId: "mine",
    state: "completed",
    correlationId: response.headers.get("x-correlation-id"),
    steps: { a: { state: "completed", output: run["output"] } },
  });
  const short = await (await get("/v1/runs/mine?outputs=false")).text();
  expect(JSON.parse(short)).not.toHaveProperty("steps.a.output");
});

test("a workflow may be YAML text", async () => {
  const text = "tutti: 1\nid: w\nsteps: [{ id: a, tool: core.echo, with: { value: 1 } }]\n";
  expect((await post("/v1/runs", { workflow: text })).status).toBe(202);
});

test("runs are listed newest first, filtered and limited", async ({ tutti, work }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  await post("/v1/runs", { workflow, runId: "b" });
  expect((await runsOf("")).toSorted()).toEqual(["a", "b"]);
  expect(await runsOf("?limit=1")).toHaveLength(1);
  expect(await runsOf("?state=completed")).toEqual([]);
  await work();
  await Promise.all([tutti.result("a"), tutti.result("b")]);
  expect((await runsOf("?state=completed")).toSorted()).toEqual(["a", "b"]);
});

test("a run is cancelled with a reason, or without a body", async ({ tutti, work }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  await post("/v1/runs", { workflow, runId: "b" });
  const cancelled = await post("/v1/runs/a/cancel", { reason: "enough" });
  expect(cancelled.status).toBe(202);
  expect(await cancelled.json()).toMatchObject({ runId: "a" });
  const bodyless = await fetch(`${server.url}/v1/runs/b/cancel`, { method: "POST" });
  expect(bodyless.status).toBe(202);
  await work();
  expect((await tutti.result("a")).state).toBe("cancelled");
  expect((await tutti.result("b")).state).toBe("cancelled");
});

test("events stream from a snapshot to the end of the run", async ({ work, watchers }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  const response = await get("/v1/runs/a/events");
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  await eventually(async () => expect(await watchers("a")).toBe(1));
  await work();
  const text = await response.text();
  const names = text.match(/^event:\w+/gm) ?? [];
  expect(names[0]).toBe("event:snapshot");
  expect(names).toContain("event:step");
  expect(names.slice(-2)).toEqual(["event:run", "event:end"]);
  expect(text).toContain('data:{"type":"run","runId":"a","state":"completed"}');
});

test("the events of a run that has ended are its snapshot", async ({ tutti, work }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  await work();
  await tutti.result("a");
  const text = await (await get("/v1/runs/a/events")).text();
  expect(text.match(/^event:\w+/gm)).toEqual(["event:snapshot", "event:end"]);
});

test("a client that comes back after the end is told to stay away", async () => {
  const response = await get("/v1/runs/a/events", { "last-event-id": "end" });
  expect(response.status).toBe(204);
});

test("a client that leaves ends the watch", async ({ watchers }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  const leave = new AbortController();
  await fetch(`${server.url}/v1/runs/a/events`, { signal: leave.signal });
  await eventually(async () => expect(await watchers("a")).toBe(1));
  leave.abort();
  await eventually(async () => expect(await watchers("a")).toBe(0));
});

test("closing ends open streams, frees the port and may be called twice", async ({ watchers }) => {
  await post("/v1/runs", { workflow, runId: "a" });
  const response = await get("/v1/runs/a/events");
  await eventually(async () => expect(await watchers("a")).toBe(1));
  await Promise.all([server.close(), server.close()]);
  expect(await response.text()).not.toContain("event:end");
  await eventually(async () => expect(await watchers("a")).toBe(0));
  await expect(get("/health")).rejects.toThrow("fetch failed");
});

test("health says that the process lives, readiness that somebody works", async ({ work }) => {
  const health = (await (await get("/health")).json()) as Record<string, unknown>;
  expect(health).toMatchObject({ status: "ok", version: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(health["uptimeMs"]).toBeTypeOf("number");
  expect(new Date(String(health["now"])).getTime()).toBeGreaterThan(Date.now() - 60_000);
  const before = await get("/ready");
  expect(before.status).toBe(503);
  expect(await before.json()).toEqual({
    status: "not_ready",
    reasons: ["no live worker"],
    workers: 0,
  });
  await work();
  const after = await get("/ready");
  expect(after.status).toBe(200);
  expect(await after.json()).toEqual({ status: "ready", reasons: [], workers: 1 });
});

test("tools are listed by capability and category, without how they are reached", async () => {
  expect((await toolsOf("")).map((tool) => tool.id)).toContain("core.echo");
  expect(await toolsOf("?capability=fetch&category=communication")).toMatchObject([
    { id: "web.fetch", binding: "http" },
  ]);
  expect(await toolsOf("?capability=fetch&category=foundation")).toEqual([]);
  const categories = (await toolsOf("?category=foundation")).map((tool) => tool.category);
  expect(new Set(categories)).toEqual(new Set(["foundation"]));
  const one = await (await get("/v1/tools/web.fetch")).text();
  expect(JSON.parse(one)).toMatchObject({ id: "web.fetch", binding: "http", timeoutMs: 300_000 });
  expect(one).not.toContain("secrets");
});

test("Bull Board shows the queues, and only lets tool queues be changed", async () => {
  const page = await fetch(server.boardUrl);
  expect(page.headers.get("content-type")).toContain("text/html");
  const board = (await (await get("/admin/queues/api/queues")).json()) as {
    queues: { name: string; readOnlyMode: boolean }[];
  };
  const readOnly = (name: string) =>
    board.queues.find((queue) => queue.name === name)?.readOnlyMode;
  expect(readOnly("core.echo")).toBe(false);
  expect(readOnly("tutti.run")).toBe(true);
  expect((await pause("tutti.run")).status).toBe(405);
  expect((await pause("core.echo")).status).toBe(200);
});

test("Bull Board shows the lanes that are there", async ({ tutti }) => {
  const spec = toolSpec.parse({
    id: "lanes.ask",
    name: "Ask",
    category: "foundation",
    capabilities: ["testing"],
    binding: { type: "in_process" },
    limits: { perKey: { by: "tenant", concurrency: 1 } },
  });
  registry.replace({ spec, allow: { commands: [], hosts: [], privateHosts: [] } });
  const lanes = async () => {
    const response = await get("/admin/queues/api/queues");
    const { queues } = (await response.json()) as { queues: { name: string }[] };
    return queues.map(({ name }) => name).filter((name) => name.includes("@"));
  };
  expect(await lanes()).toEqual([]);
  const calls = { tutti: 1, id: "calls", steps: [{ id: "a", tool: "lanes.ask" }] };
  for (const tenant of ["a", "b"]) await tutti.submit(calls, { tenant });
  expect((await lanes()).toSorted()).toEqual([laneOf("lanes.ask", "a"), laneOf("lanes.ask", "b")]);
});

test("a run whose tool has a full queue is refused with 503 and the time to come back", async ({
  tutti,
}) => {
  const spec = toolSpec.parse({
    id: "tight",
    name: "Tight",
    category: "foundation",
    capabilities: ["testing"],
    binding: { type: "in_process" },
    limits: { queueLength: 1, rate: { max: 1, durationMs: 2_500 } },
  });
  registry.replace({ spec, allow: { commands: [], hosts: [], privateHosts: [] } });
  const calls = { tutti: 1, id: "tight", steps: [{ id: "a", tool: "tight" }] };
  await tutti.workflows.add(calls);
  expect((await post("/v1/runs", { workflow: calls, runId: "r" })).status).toBe(202);
  for (const more of [{ workflow: calls }, { workflowId: "tight" }]) {
    const response = await post("/v1/runs", more);
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("3");
    expect(await problemOf(response)).toMatchObject({
      code: "queue_full",
      detail: "the queue of tight is full (1 waiting, limit 1); try again in 3 s",
    });
  }
  expect((await post("/v1/runs", { workflow: calls, runId: "r" })).status).toBe(202);
  expect((await get("/v1/runs/none")).headers.has("retry-after")).toBe(false);
});
