import { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import { subRunId } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { expire } from "../../support/waiting/deadlines.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const child = (steps: readonly object[], more: object = {}) =>
  workflow(steps, {
    id: "child",
    inputs: {
      type: "object",
      required: ["n"],
      properties: { n: { type: "number" }, by: { type: "number", default: 10 } },
    },
    output: "${{ steps.one.output }}",
    ...more,
  });

const address = (runId: string, epoch = 0) => ({ workflowId: "wf", runId, epoch });

describe("a step that is a run of another workflow", () => {
  test("has that run's output, and its input's defaults are filled in", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ probe: ({ n, by }) => Number(n) * Number(by) });
    await tutti.workflows.add(
      child([{ id: "one", with: { n: "${{ input.n }}", by: "${{ input.by }}" } }]),
    );
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "a", with: { n: 2, by: 3 } },
          { id: "sub", workflow: "child", with: { n: "${{ steps.a.output }}" } },
          { id: "b", with: { n: "${{ steps.sub.output }}", by: 2 } },
        ],
        { output: "${{ steps.b.output }}" },
      ),
    );
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run).toMatchObject({ state: "completed", output: 120 });
    const sub = await tutti.get(subRunId(address(runId), "sub"), { outputs: true });
    expect(sub).toMatchObject({ state: "completed", output: 60, correlationId: runId });
  });

  test("fails when that run does not complete, and says which run", async ({
    orchestra: { tutti, work },
  }) => {
    await work({
      probe: () => {
        throw new TuttiError("tool_failed", "told to");
      },
    });
    await tutti.workflows.add(child([{ id: "one" }]));
    const { runId } = await tutti.submit(
      workflow([
        { id: "sub", workflow: "child", with: { n: 1 } },
        { id: "bad", workflow: "child", with: { n: "x" } },
        { id: "none", workflow: "nowhere" },
      ]),
    );
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.steps["sub"]?.error).toMatchObject({
      code: "sub_run_failed",
      details: { runId: subRunId(address(runId), "sub"), state: "failed" },
    });
    expect(run.steps["bad"]?.error?.message).toContain("n");
    expect(run.steps["none"]?.error?.code).toBe("workflow_not_found");
    expect(run.state).toBe("failed");
  });

  test("is cancelled with the run it works for, and aborts what runs", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    await work({ probe: (_input, { stepId, signal }) => gate.pass(stepId, signal).then(() => 1) });
    await tutti.workflows.add(child([{ id: "one" }, { id: "two", needs: ["one"] }]));
    const { runId } = await tutti.submit(
      workflow([{ id: "sub", workflow: "child", with: { n: 1 } }]),
    );
    await gate.holds(1);
    await tutti.cancel(runId);
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run).toMatchObject({ state: "cancelled", steps: { sub: { state: "cancelled" } } });
    expect((await tutti.get(subRunId(address(runId), "sub"))).state).toBe("cancelled");
  });

  test("is stopped by its own time, and by that of the run above", async ({
    orchestra: { tutti, work },
    redis,
    prefix,
  }) => {
    const gate = new Turnstile();
    await work({ probe: (_input, { stepId, signal }) => gate.pass(stepId, signal).then(() => 1) });
    await tutti.workflows.add(child([{ id: "one" }]));
    const step = { id: "sub", workflow: "child", with: { n: 1 } };
    const own = await tutti.submit(workflow([{ ...step, timeoutMs: 400_000 }]));
    const above = await tutti.submit(workflow([step], { timeoutMs: 500_000 }));
    // Both are where their time has to find them.
    await gate.holds(2);
    expect(await expire(redis, prefix, subRunId(address(own.runId), "sub"))).toBe(400_000);
    expect(await expire(redis, prefix, above.runId)).toBe(500_000);
    const first = await tutti.result(own.runId, { timeoutMs: 20_000 });
    expect(first.steps["sub"]?.error?.details).toMatchObject({ state: "timed_out" });
    expect((await tutti.result(above.runId, { timeoutMs: 20_000 })).state).toBe("timed_out");
    expect((await tutti.get(subRunId(address(above.runId), "sub"))).state).toBe("timed_out");
  });

  test("stops when a policy stops the run above", async ({ orchestra: { tutti, work } }) => {
    const gate = new Turnstile();
    const bad = new Turnstile();
    await work({
      probe: (_input, { stepId, signal }) => gate.pass(stepId, signal).then(() => 1),
      one: async (_input, { stepId, signal }) => {
        await bad.pass(stepId, signal);
        throw new TuttiError("tool_failed", "told to");
      },
    });
    await tutti.workflows.add(child([{ id: "one" }]));
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "sub", workflow: "child", with: { n: 1 } },
          { id: "bad", tool: "one" },
        ],
        { onError: "fail_fast" },
      ),
    );
    await gate.holds(1);
    bad.open();
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run).toMatchObject({ state: "failed", steps: { sub: { state: "cancelled" } } });
  });

  test("inside itself ends at depth 8", async ({ orchestra: { tutti, work } }) => {
    await work({});
    const self = { id: "sub", workflow: "self" };
    await tutti.workflows.add(workflow([self], { id: "self" }));
    const { runId } = await tutti.start("self");
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("failed");
    expect(await tutti.list({ limit: 100 })).toHaveLength(9);
  });

  test("does not wait for its tenant's turn: a run that fills the cap would never end", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ probe: () => 1 }, { maxRunning: 10 });
    await tutti.workflows.add(child([{ id: "one" }]));
    const plan = tutti.prepare(workflow([{ id: "sub", workflow: "child", with: { n: 1 } }]));
    const runs = await Promise.all(Array.from({ length: 12 }, () => tutti.submit(plan)));
    for (const { runId } of runs)
      expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    await eventually(async () => expect(await tutti.list({ state: "running" })).toEqual([]));
  });

  test("takes no secrets as its input, because that is stored", ({ orchestra: { tutti } }) => {
    const step = { id: "sub", workflow: "child" };
    expect(() => tutti.prepare(workflow([{ ...step, with: { n: "${{ secrets.KEY }}" } }]))).toThrow(
      /secrets/,
    );
  });
});

test("a run that is held or stopped while a step of it starts another one takes that along", async ({
  orchestra: { tutti, work },
  redisUrl,
  prefix,
}) => {
  await work({ probe: () => 1 });
  await tutti.workflows.add(workflow([{ id: "w", waitMs: 60_000 }], { id: "child" }));
  const ids = Array.from({ length: 10 }, (_, index) => `r${index}`);
  const events = new Redis(redisUrl);
  // As early as can be: when the step says that it has begun.
  const asked = ids.map(
    (runId, index) =>
      new Promise<void>((resolve, reject) => {
        events.on("message", (channel: string, text: string) => {
          if (channel !== `${prefix}.events:${runId}` || !text.startsWith("s\nsub\nR")) return;
          const done = index % 2 === 0 ? tutti.pause(runId) : tutti.cancel(runId);
          done.then(() => resolve(), reject);
        });
      }),
  );
  await events.subscribe(...ids.map((runId) => `${prefix}.events:${runId}`));
  const document = workflow([{ id: "sub", workflow: "child" }]);
  for (const runId of ids) await tutti.submit(document, { runId });
  await Promise.all(asked);
  await events.quit();
  for (const [index, runId] of ids.entries()) {
    await eventually(async () => {
      const parent = (await tutti.get(runId)).state;
      expect(parent).toBe(index % 2 === 0 ? "paused" : "cancelled");
      const below = await tutti.get(subRunId(address(runId), "sub")).catch(() => null);
      expect([undefined, parent]).toContain(below?.state);
    });
  }
});
