import { Queue } from "bullmq";
import { expect } from "vitest";

import { Canaries, CONTROL_QUEUES, Runs } from "../../../queues/index.ts";
import { eventually } from "../../support/eventually.ts";
import { test } from "../../support/gatehouse.ts";

const OFTEN = {
  canary: "bird",
  canaryIntervalMs: 300,
  sampleIntervalMs: 100,
  optimizeIntervalMs: 300,
};

test("a canary that does not complete is an alert and an event; one that does resolves it", async ({
  gatehouse: { tutti, keys, work },
  redis,
}) => {
  let isBroken = true;
  const handler = (): null => {
    if (isBroken) throw new Error("the bird is ill");
    return null;
  };
  const report = async () => (await tutti.optimizer.report())!;
  await tutti.workflows.add({ tutti: 1, id: "nurse", steps: [{ id: "s", tool: "mail" }] });
  for (const event of ["canary", "canary_resolved"])
    await tutti.triggers.add({ id: event, event, workflowId: "nurse" });
  await work({ plain: handler, mail: () => null }, OFTEN);
  // Nobody has registered it yet: that is the first thing that it finds out.
  const unknown = await eventually(async () => {
    const { canary } = await report();
    expect(canary?.last).toMatchObject({ state: "none", tookMs: null });
    return canary!;
  });
  expect(unknown.last.reason).toContain("workflow_not_found");
  await tutti.workflows.add({
    tutti: 1,
    id: "bird",
    steps: [{ id: "s", tool: "plain", retry: { maxAttempts: 1 } }],
  });
  const ill = await eventually(
    async () => {
      const { canary, alerts } = await report();
      expect(canary?.last).toMatchObject({ state: "failed" });
      expect(alerts.standing).toMatchObject([{ name: "canary", threshold: 1 }]);
      return canary!;
    },
    { timeoutMs: 30_000 },
  );
  expect(ill.failed).toBe(ill.runs);
  isBroken = false;
  await eventually(
    async () => {
      const { canary, alerts } = await report();
      expect(canary).toMatchObject({ failedInARow: 0, last: { state: "completed" } });
      expect(canary!.last.tookMs).toBeGreaterThanOrEqual(0);
      expect(alerts.standing).toEqual([]);
    },
    { timeoutMs: 30_000 },
  );
  await eventually(async () => {
    const nursed = (await tutti.list()).filter(({ workflow }) => workflow.id === "nurse");
    expect(nursed.length).toBeGreaterThanOrEqual(2);
  });
  // Its runs are nobody's: they stand beside those of the tenants.
  const { last } = (await report()).canary!;
  expect(await new Runs(redis, keys).header(last.runId)).toMatchObject({ tenant: "canary" });
  const duty = new Queue(CONTROL_QUEUES.duty, { connection: redis, prefix: keys.prefix });
  await work({ plain: handler });
  expect((await duty.getJobSchedulers()).map(({ key }) => key)).not.toContain("canary");
  expect(await new Canaries(redis, keys).read()).toBeNull();
  await duty.close();
});

test("no other is started while one is open: it did not end in time", async ({
  gatehouse: { tutti, work, hold },
}) => {
  await tutti.workflows.add({ tutti: 1, id: "bird", steps: [{ id: "s", tool: "plain" }] });
  await work({ plain: hold }, OFTEN);
  const canary = await eventually(async () => {
    const now = (await tutti.optimizer.report())?.canary;
    expect(now?.failedInARow).toBeGreaterThanOrEqual(2);
    return now!;
  });
  expect(canary.last).toMatchObject({ state: "open", tookMs: null });
  expect((await tutti.list()).map(({ runId }) => runId)).toEqual([canary.last.runId]);
});
