import { expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 20_000 };
const once = { retry: { maxAttempts: 1 } } as const;

test("requested and stopped are two states: in between it says who still runs", async ({
  orchestra: { tutti, parts },
  redis,
  prefix,
}) => {
  const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b" }]));
  // As if a worker had died in the call of a.
  await redis.hset(`${prefix}.run:${runId}`, "s:a", "R1,1,,1|");
  expect((await tutti.cancel(runId)).state).toBe("cancelling");
  expect(await tutti.get(runId)).toMatchObject({
    state: "cancelling",
    stillRunning: ["a"],
    steps: { b: { state: "cancelled" } },
  });
  expect(await parts.runs.open()).toContain(runId);
});

test("while a run is undone it shows how far that is, and what could not be undone", async ({
  orchestra: { tutti, work },
}) => {
  const gate = new Turnstile();
  await work({
    one: () => Promise.resolve(1),
    probe: () => {
      throw new Error("broken");
    },
    two: async ({ of }, { signal }) => {
      await gate.pass(JSON.stringify(of), signal);
      if (of === "a") throw new Error("no way back");
      return null;
    },
  });
  const undo = (of: string) => ({ tool: "two", with: { of }, retry: { maxAttempts: 1 } });
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "a", tool: "one", compensate: undo("a") },
        { id: "b", tool: "one", needs: ["a"], compensate: undo("b") },
        { id: "c", needs: ["b"], ...once },
      ],
      { onError: "recovery" },
    ),
  );
  await gate.holds(1);
  expect(await tutti.get(runId)).toMatchObject({
    state: "compensating",
    compensation: [
      { step: "b", state: "running" },
      { step: "a", state: "pending" },
    ],
  });
  await expect(tutti.pause(runId)).rejects.toMatchObject({ code: "state_conflict" });
  gate.open();
  const ended = await tutti.result(runId, WAIT);
  expect(ended).toMatchObject({
    state: "failed",
    error: { code: "compensation_failed" },
    compensation: [
      { step: "b", tool: "two", state: "completed", attempts: 1 },
      { step: "a", tool: "two", state: "failed", error: { message: "no way back" } },
    ],
  });
  for (const { startedAt, finishedAt } of ended.compensation!) {
    expect(Date.parse(startedAt!)).toBeGreaterThanOrEqual(
      Date.parse(ended.steps["c"]!.finishedAt!),
    );
    expect(Date.parse(finishedAt!)).toBeGreaterThanOrEqual(Date.parse(startedAt!));
  }
  // The same in an analysis, and in what is told of the run while it goes on.
  const { compensation, undoMs } = await tutti.analyze(runId);
  expect(compensation).toEqual(ended.compensation);
  const [first, last] = [ended.compensation![0]!, ended.compensation![1]!];
  expect(undoMs).toBe(Date.parse(last.finishedAt!) - Date.parse(first.startedAt!));
});

test("a run in mode adaptive shows its width, and why it is what it is", async ({
  orchestra: { tutti, work },
}) => {
  await work({ probe: () => Promise.resolve(null) });
  const { runId } = await tutti.submit(
    workflow(
      Array.from({ length: 60 }, (_, index) => ({ id: `s${index}` })),
      { mode: "adaptive" },
    ),
  );
  const { width } = await tutti.result(runId, WAIT);
  const [first] = width?.history ?? [];
  expect(first).toMatchObject({ reason: expect.any(String) as string, failed: 0 });
  expect(first?.at).toMatch(/Z$/);
  expect(width?.history.at(-1)?.to).toBe(width?.now);
});

test("a run for a step of another one names it, and is held and ranked with it", async ({
  orchestra: { tutti, work },
}) => {
  const gate = new Turnstile();
  await work({
    probe: async (_input, { runId, signal }) => {
      await gate.pass(runId, signal);
      return null;
    },
  });
  await tutti.workflows.add(workflow([{ id: "x" }, { id: "y", needs: ["x"] }], { id: "inner" }));
  const { runId } = await tutti.submit(workflow([{ id: "sub", workflow: "inner" }]));
  await gate.holds(1);
  const inner = gate.came[0]!;
  expect(await tutti.get(inner)).toMatchObject({ priority: 5, parent: { runId, step: "sub" } });
  await tutti.setPriority(runId, 9);
  expect((await tutti.get(inner)).priority).toBe(9);
  await tutti.pause(runId);
  expect((await tutti.get(inner)).state).toBe("paused");
  gate.open();
  await eventually(async () =>
    expect((await tutti.get(inner)).steps["x"]?.state).toBe("completed"),
  );
  expect((await tutti.get(inner)).steps["y"]?.state).toBe("pending");
  await tutti.resume(runId);
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  await expect(tutti.resume(inner)).rejects.toMatchObject({ code: "resume_refused" });
});
