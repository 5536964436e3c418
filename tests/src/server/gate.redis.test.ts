import { expect } from "vitest";

import { get, post, problemOf, server, test } from "../../support/deployment/served.ts";

const json = async (response: Response) => (await response.json()) as Record<string, unknown>;
const send = (method: string, path: string, body?: object) =>
  fetch(`${server.url}${path}`, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });

test("why something waits, and the limits that decide it", async ({ work }) => {
  const steps = [
    { id: "ok", approval: "Ship?" },
    { id: "a", tool: "core.echo", needs: ["ok"], with: { value: 1 } },
  ];
  await post("/v1/runs", { workflow: { tutti: 1, id: "w", steps }, runId: "r" });
  expect(await json(await get("/v1/runs/r/steps/ok/why"))).toMatchObject({
    step: "ok",
    waits: true,
    reasons: [{ kind: "no_worker" }],
  });
  await work();
  await expect
    .poll(async () => json(await get("/v1/runs/r/steps/a/why")))
    .toMatchObject({ reasons: [{ kind: "dependency", steps: ["ok"] }], eta: { atMs: null } });
  await expect
    .poll(async () => json(await get("/v1/runs/r/why")))
    .toMatchObject({ reasons: [{ kind: "steps", steps: ["ok"] }] });
  expect(await json(await get("/v1/tools/core.echo/why"))).toMatchObject({ state: "idle" });

  const set = await send("PATCH", "/v1/gate/tools/core.echo", { concurrency: 7 });
  expect(set.status).toBe(200);
  expect(await json(set)).toMatchObject({ tool: "core.echo", concurrency: 7 });
  const gate = await json(await get("/v1/gate"));
  expect(gate).toMatchObject({ level: "normal", permits: [] });
  expect(gate["budgets"]).toContainEqual(
    expect.objectContaining({
      budget: "tool:core.echo",
      slots: { capacity: 7, used: 0, free: 7 },
    }),
  );
  expect(await json(await send("DELETE", "/v1/gate/tools/core.echo"))).toMatchObject({
    concurrency: null,
    layers: ["declared"],
  });

  const wrong = await problemOf(
    await send("PATCH", "/v1/gate/tools/core.echo", { concurrency: 0, rate: 1 }),
  );
  expect(wrong).toMatchObject({ status: 400, code: "request_invalid" });
  expect((wrong["errors"] as { pointer: string }[]).map(({ pointer }) => pointer)).toEqual([
    "#/concurrency",
    "#/rate",
  ]);
  for (const [response, code] of [
    [await get("/v1/runs/none/why"), "run_not_found"],
    [await get("/v1/tools/none/why"), "tool_not_found"],
    [await send("PATCH", "/v1/gate/budgets/none", { slots: 1 }), "budget_not_found"],
    [await send("DELETE", "/v1/gate/budgets/none"), "budget_not_found"],
    [await send("PATCH", "/v1/gate/tools/none", { concurrency: 1 }), "tool_not_found"],
  ] as const)
    expect(await problemOf(response)).toMatchObject({ status: 404, code });
  expect(await problemOf(await get("/v1/runs/r/steps/none/why"))).toMatchObject({
    code: "unknown_step",
  });
});

test("the level is fixed by hand, and left to what fails again", async () => {
  expect(await json(await get("/v1/gate/level"))).toEqual({ level: "normal", changes: [] });
  const fixed = await send("PUT", "/v1/gate/level", {
    level: "reduced",
    by: "ada",
    reason: "maintenance",
    forMs: 60_000,
  });
  expect(await json(fixed)).toMatchObject({
    level: "reduced",
    fixed: { by: "ada", until: expect.any(String) },
    changes: [{ from: "normal", to: "reduced", reason: "maintenance", by: "ada" }],
  });
  expect(await json(await send("PUT", "/v1/gate/level", { level: "auto" }))).not.toHaveProperty(
    "fixed",
  );
  await send("PUT", "/v1/gate/level", { level: "normal" });
  const wrong = await problemOf(await send("PUT", "/v1/gate/level", { level: "low", forMs: 0 }));
  expect(wrong).toMatchObject({ status: 400, code: "request_invalid" });
  expect(wrong["errors"]).toHaveLength(2);
});
