import { expect } from "vitest";

import { MAX_RUNNING_RUNS } from "../../../config/index.ts";
import { forgetRun } from "../../../queues/worker.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

test("a worker does not begin while runs with jobs of an older version are open, and clears up after them", async ({
  orchestra: { tutti, work, queues, prefix },
  redis,
}) => {
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  const edges = queues.get("tutti.edge");
  await eventually(async () => expect(await redis.exists(edges.toKey("meta"))).toBe(1));
  // As a version had it that did not say what its jobs are.
  await redis.hdel(`${prefix}.run:${runId}`, "payloads");
  await edges.add("a -> b", {}, { jobId: `wf.${runId}.0.a.b`, delay: 1_000_000 });
  await expect(work()).rejects.toMatchObject({
    code: "version_mismatch",
    message: expect.stringContaining(`tutti runs cancel ${runId}`),
  });
  await tutti.cancel(runId, { reason: "from before" });
  await work({ probe: () => 1 });
  expect(await redis.keys(`${prefix}:tutti.edge:*`)).toEqual([]);
  const after = await tutti.submit(workflow([{ id: "a" }]));
  expect((await tutti.result(after.runId, { timeoutMs: 20_000 })).state).toBe("completed");
});

test("a run that waited for its turn has no jobs yet, and begins with those of this version", async ({
  orchestra: { tutti, work, prefix },
  redis,
}) => {
  // One more than have room.
  for (let n = 0; n < MAX_RUNNING_RUNS; n++) await tutti.submit(workflow([{ id: "a" }]));
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  expect(await redis.hget(`${prefix}.run:${runId}`, "payloads")).toBeNull();
  await work({ probe: () => 1 });
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  expect(await redis.hget(`${prefix}.run:${runId}`, "payloads")).not.toBeNull();
});

test("a run that ended with an older version is forgotten with the job that this version would not give it", async ({
  orchestra: { tutti, work, parts, queues },
}) => {
  await work({ probe: () => 1 });
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  await tutti.result(runId, { timeoutMs: 20_000 });
  const root = { queue: "tutti.run", jobId: `wf.${runId}.0` };
  expect(await parts.flows.has(root.queue, root.jobId)).toBe(false);
  await queues.get(root.queue).add("wf", {}, { jobId: root.jobId, delay: 1_000_000 });
  await eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));
  expect(await parts.flows.has(root.queue, root.jobId)).toBe(false);
});
