import { expect } from "vitest";

import { get, post, problemOf, server, test } from "../../support/deployment/served.ts";

const NIGHTLY = {
  tutti: 1,
  id: "nightly",
  inputs: { type: "object", properties: { n: { type: "number" } } },
  steps: [{ id: "a", tool: "core.echo", with: { value: 1 } }],
};
const HOURLY = { id: "s", workflowId: "nightly", everyMs: 3_600_000 };
const bare = (path: string, method: string) => fetch(`${server.url}${path}`, { method });

test("a schedule is added, listed, read, paused, resumed, fired by hand and removed", async ({
  tutti,
}) => {
  await tutti.workflows.add(NIGHTLY);
  const added = await post("/v1/schedules", { ...HOURLY, input: { n: 1 } });
  expect(added.status).toBe(201);
  expect(added.headers.get("location")).toBe("/v1/schedules/s");
  expect((await post("/v1/schedules", HOURLY)).status).toBe(200);
  expect(await (await get("/v1/schedules")).json()).toMatchObject({ schedules: [{ id: "s" }] });
  expect(await (await bare("/v1/schedules/s/pause", "POST")).json()).toEqual({
    id: "s",
    paused: true,
  });
  expect(await (await get("/v1/schedules/s")).json()).toMatchObject({ paused: true, history: [] });
  expect(await (await bare("/v1/schedules/s/run", "POST")).json()).toMatchObject({
    outcome: "started",
  });
  await bare("/v1/schedules/s/resume", "POST");
  expect(await (await get("/v1/schedules/s")).json()).toMatchObject({
    paused: false,
    history: [{ manual: true }],
  });
  expect((await bare("/v1/schedules/s", "DELETE")).status).toBe(200);
  expect(await problemOf(await get("/v1/schedules/s"))).toMatchObject({
    status: 404,
    code: "schedule_not_found",
  });
});

test("a schedule is refused with all problems", async ({ tutti }) => {
  await tutti.workflows.add(NIGHTLY);
  const problem = await problemOf(
    await post("/v1/schedules", { id: "a b", workflowId: "nightly", overlap: "no", x: 1 }),
  );
  expect(problem).toMatchObject({ status: 400, code: "request_invalid" });
  const errors = problem["errors"] as { pointer: string }[];
  expect(errors.map((one) => one.pointer)).toEqual(["#/id", "#/overlap", "#/x", "#"]);
  const input = await post("/v1/schedules", { ...HOURLY, input: { n: "x" } });
  expect(await problemOf(input)).toMatchObject({ status: 422, errors: [{ pointer: "#/input/n" }] });
  const unknown = await post("/v1/schedules", { ...HOURLY, workflowId: "none" });
  expect(await problemOf(unknown)).toMatchObject({ status: 404, code: "workflow_not_found" });
});

test("planned times are told without a schedule", async () => {
  const query = new URLSearchParams({
    cron: "@daily",
    timeZone: "Asia/Beirut",
    from: "2026-03-28T12:00:00Z",
    count: "2",
  });
  expect(await (await get(`/v1/planned-times?${query.toString()}`)).json()).toEqual({
    times: ["2026-03-28T22:00:00.000Z", "2026-03-29T21:00:00.000Z"],
  });
  const problem = await problemOf(await get("/v1/planned-times?timeZone=Mars&count=0"));
  expect(problem).toMatchObject({ status: 400, code: "request_invalid" });
  expect((problem["errors"] as unknown[]).length).toBe(3);
});
