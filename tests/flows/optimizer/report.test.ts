import { Queue } from "bullmq";
import { expect } from "vitest";

import { CONTROL_QUEUES } from "../../../queues/index.ts";
import type { OptimizerReport } from "../../../src/optimizer/think.ts";
import { takes, test } from "../../support/gate/gatehouse.ts";
import { eventually } from "../../support/waiting/eventually.ts";

test("a tool that may not run more calls at once is found, with its health, in the report of the job", async ({
  gatehouse: { keys, tutti, work, submit },
  redis,
}) => {
  expect(await tutti.optimizer.report()).toBeNull();
  await work({ solo: takes });
  for (let n = 0; n < 60; n++) await submit(`r${n}`, "solo");
  const report = await eventually(
    async () => {
      const now = await tutti.optimizer.report();
      if (now === null || now.bottlenecks.length === 0) throw new Error("nothing was found");
      return now;
    },
    { timeoutMs: 50_000 },
  );
  expect(report.bottlenecks).toMatchObject([
    { tool: "solo", kind: "under_provisioned", culprit: "tool:solo" },
  ]);
  const [{ evidence }] = report.bottlenecks as [OptimizerReport["bottlenecks"][number]];
  expect(evidence.busy).toBeGreaterThan(0.5);
  expect(evidence.blocked["cap"]).toBeGreaterThan(0.5);
  expect(report.metrics).toMatchObject({ successRate: 1, errorRate: 0, activeTools: 1 });
  expect(report.metrics.responseTimeMs).toBeGreaterThan(300);
  const duty = new Queue(CONTROL_QUEUES.duty, { connection: redis, prefix: keys.prefix });
  // The job ends a moment after its report can be read.
  await eventually(async () => {
    const passes = (await duty.getCompleted(0, 100)).filter(({ name }) => name === "optimizer");
    const told = passes.map(({ returnvalue }) => returnvalue as Partial<OptimizerReport>);
    expect(told).toContainEqual(expect.objectContaining({ bottlenecks: report.bottlenecks }));
  });
  await duty.close();
});

test("without an optimizer nobody looks", async ({ gatehouse: { keys, work }, redis }) => {
  const duty = new Queue(CONTROL_QUEUES.duty, { connection: redis, prefix: keys.prefix });
  const scheduled = async (): Promise<boolean> =>
    (await duty.getJobSchedulers()).some(({ key }) => key === "optimizer");
  await work({ solo: () => null });
  expect(await scheduled()).toBe(true);
  await work({ solo: () => null }, { optimizer: false });
  expect(await scheduled()).toBe(false);
  await duty.close();
});
