import { expect } from "vitest";

import { get, post, problemOf, test } from "../../support/deployment/served.ts";

test("what the optimizer sees: nothing before it has looked, then metrics and health", async ({
  work,
}) => {
  const report = async () =>
    ((await (await get("/v1/optimizer")).json()) as { report: unknown }).report;
  expect(await report()).toBeNull();
  await work();
  await expect
    .poll(report, { timeout: 15_000 })
    .toMatchObject({ metrics: { calls: 0, successRate: null }, health: null, bottlenecks: [] });
});

test("what it changed, and the way back; of what was never changed there is none", async () => {
  const history = await get("/v1/optimizer/history?limit=5");
  expect(await history.json()).toEqual({ entries: [] });
  for (const [response, status, code] of [
    [await get("/v1/optimizer/history?limit=0"), 400, "request_invalid"],
    [await get("/v1/optimizer/history?last=5"), 400, "request_invalid"],
    [await post("/v1/optimizer/plans", { targets: ["fame"] }), 400, "request_invalid"],
    [await post("/v1/optimizer/apply", { plays: 0 }), 400, "request_invalid"],
    [await post("/v1/optimizer/apply", { target: "cost" }), 409, "nothing_recorded"],
    [await post("/v1/optimizer/history/7/rollback", {}), 404, "adjustment_not_found"],
    [await post("/v1/optimizer/history/x/rollback", {}), 400, "request_invalid"],
  ] as const)
    expect(await problemOf(response)).toMatchObject({ status, code });
});
