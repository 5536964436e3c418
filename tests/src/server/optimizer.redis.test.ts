import { expect } from "vitest";

import { get, test } from "../../support/served.ts";

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
