import { Queue } from "bullmq";
import { expect } from "vitest";

import { Runs } from "../../../queues/client.ts";
import { CONTROL_QUEUES } from "../../../queues/index.ts";
import { test } from "../../support/gate/gatehouse.ts";
import { eventually } from "../../support/waiting/eventually.ts";

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
  // What did not go well is kept, and nobody's: it stands beside the runs of the tenants.
  expect(await new Runs(redis, keys).header(ill.last.runId)).toMatchObject({ tenant: "canary" });
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
  const duty = new Queue(CONTROL_QUEUES.duty, { connection: redis, prefix: keys.prefix });
  // A worker that says nothing of it leaves it as it is.
  await work({ plain: handler });
  const schedulers = async () => (await duty.getJobSchedulers()).map(({ key }) => key);
  expect(await schedulers()).toContain("canary");
  await work({ plain: handler }, { canary: false });
  expect(await schedulers()).not.toContain("canary");
  await eventually(async () => expect((await report()).canary).toBeNull());
  await duty.close();
});

test("no other is started while one is open: it did not end in time", async ({
  gatehouse: { tutti, work, hold },
}) => {
  await tutti.workflows.add({ tutti: 1, id: "bird", steps: [{ id: "s", tool: "plain" }] });
  await work({ plain: hold }, OFTEN);
  const canary = await eventually(async () => {
    const now = (await tutti.optimizer.report())?.canary;
    expect(now?.last).toMatchObject({ state: "open", tookMs: null });
    expect(now!.last.reason).toMatch(/since [1-9]/);
    return now!;
  });
  // However often it is looked at it is one that did not end.
  expect(canary).toMatchObject({ failed: 1, runs: 1, failedInARow: 1 });
  expect((await tutti.list()).map(({ runId }) => runId)).toEqual([canary.last.runId]);
});
