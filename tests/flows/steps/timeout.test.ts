import { expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { NEVER, SOON, workflow } from "../../support/drawn/workflows.ts";
import { expire } from "../../support/waiting/deadlines.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

test("timeoutMs of a step holds for each call", async ({ orchestra: { tutti, work } }) => {
  const gate = new Turnstile();
  await work({
    probe: async (_input, { stepId, signal }) => {
      if (gate.came.length < 2) await gate.pass(stepId, signal);
      return "third";
    },
  });
  const { runId } = await tutti.submit(workflow([{ id: "a", timeoutMs: 30, retry: SOON }]));
  expect((await tutti.result(runId)).steps["a"]).toMatchObject({
    state: "completed",
    attempts: 3,
    output: "third",
  });
});

test("a step whose every call takes too long has failed with tool_timeout", async ({
  orchestra: { tutti, work },
}) => {
  await work();
  const { runId } = await tutti.submit(
    workflow([
      {
        id: "a",
        tool: "core.sleep",
        with: { ms: 60_000 },
        timeoutMs: 20,
        retry: { ...SOON, maxAttempts: 2 },
      },
    ]),
  );
  expect((await tutti.result(runId)).steps["a"]).toMatchObject({
    state: "failed",
    attempts: 2,
    error: { code: "tool_timeout" },
  });
});

test("timeoutMs of a run stops it: the running call sees the signal, the rest never begins", async ({
  orchestra: { tutti, work },
  redis,
  prefix,
}) => {
  const gate = new Turnstile();
  const aborted: unknown[] = [];
  await work({
    probe: async (_input, { stepId, signal }) => {
      signal.addEventListener("abort", () => aborted.push(signal.reason));
      await gate.pass(stepId, signal);
      return null;
    },
    one: () => {
      throw new Error("again");
    },
  });
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "a" },
        { id: "b", needs: ["a"] },
        { id: "paused", tool: "one", retry: NEVER },
        { id: "each", forEach: "[1, 2]", with: { n: "${{ item }}" } },
      ],
      { timeoutMs: 600_000 },
    ),
  );
  await gate.holds(3);
  await eventually(async () =>
    expect((await tutti.get(runId)).steps["paused"]?.state).toBe("retrying"),
  );
  // Its time is what it was given; that it is over before everything has begun would be by chance.
  expect(await expire(redis, prefix, runId)).toBe(600_000);
  const run = await tutti.result(runId, { timeoutMs: 20_000 });
  expect(run.state).toBe("timed_out");
  expect(aborted[0]).toMatchObject({ message: "the run's time is over" });
  expect(run.steps).toMatchObject({
    a: { state: "cancelled", reason: "the run's time is over", attempts: 1 },
    b: { state: "cancelled", attempts: 0 },
    paused: { state: "cancelled", attempts: 1 },
    each: { state: "cancelled" },
  });
  expect(gate.came).not.toContain("b");
});

test("a run whose tool nobody serves times out too", async ({ orchestra: { tutti, work } }) => {
  await work({}, { tools: ["core.echo"] });
  const { runId } = await tutti.submit(workflow([{ id: "a" }], { timeoutMs: 50 }));
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("timed_out");
});

test("no number of runs that are slow to stop keeps another from its timeout", async ({
  orchestra: { tutti, work, parts },
  redis,
  prefix,
}) => {
  // 120 runs that are being stopped, as if the workers of their steps had died.
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  const ids = Array.from({ length: 120 }, (_, index) => `stuck-${index}`);
  await Promise.all(ids.map((runId) => tutti.submit(plan, { runId })));
  for (const runId of ids) {
    await redis.hset(`${prefix}.run:${runId}`, "s:a", "R1,1,,1|");
    await redis.zadd(`${prefix}.open`, 1, runId);
    await parts.runs.cancel(runId, { kind: "cancel", reason: "x" });
  }
  await work({}, { tools: ["core.echo"] });
  const { runId } = await tutti.submit(workflow([{ id: "a" }], { timeoutMs: 10 }), {
    tenant: "another",
  });
  await eventually(async () => expect((await tutti.get(runId)).state).toBe("timed_out"));
});
