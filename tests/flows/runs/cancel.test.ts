import { describe, expect } from "vitest";

import { cancelRun, Keys, Ledger } from "../../../queues/index.ts";
import { resumeCancel } from "../../../queues/worker.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { NEVER, workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const CANCEL = { kind: "cancel", reason: "enough" } as const;

describe("cancel", () => {
  test("a run that nobody serves ends at once, and its jobs are gone", async ({
    orchestra: { tutti, queues },
  }) => {
    const { runId } = await tutti.submit(
      workflow([{ id: "a" }, { id: "b", needs: ["a"] }, { id: "c", needs: ["a"] }]),
    );
    expect(await tutti.cancel(runId, { reason: "enough" })).toEqual({ state: "cancelled" });
    const run = await tutti.get(runId);
    expect(run.state).toBe("cancelled");
    for (const step of Object.values(run.steps))
      expect(step).toMatchObject({ state: "cancelled", reason: "enough", attempts: 0 });
    expect(await queues.get("probe").getJobCountByTypes()).toBe(0);
  });

  test("a running step is aborted wherever it runs, and the run ends with it", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    const handlers = {
      probe: async (
        _input: unknown,
        { stepId, signal }: { stepId: string; signal: AbortSignal },
      ) => {
        await gate.pass(stepId, signal);
        return null;
      },
    };
    await work(handlers, { machine: "m1" });
    await work(handlers, { machine: "m2" });
    const { runId } = await tutti.submit(
      workflow([
        ...Array.from({ length: 6 }, (_, n) => ({ id: `a${n}` })),
        { id: "b", needs: ["a0", "a1"] },
        { id: "c", needs: ["a0", "a1"] },
      ]),
    );
    await gate.holds(6);
    await tutti.cancel(runId);
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("cancelled");
    expect(Object.values(run.steps).map((step) => step.state)).toEqual(Array(8).fill("cancelled"));
    expect(run.steps["a0"]?.attempts).toBe(1);
    expect(gate.came).toHaveLength(6);
  });

  test("a step that waits for its next attempt ends at once", async ({
    orchestra: { tutti, work },
  }) => {
    await work({
      probe: () => {
        throw new Error("again");
      },
    });
    const { runId } = await tutti.submit(workflow([{ id: "a", retry: NEVER }]));
    await eventually(async () => {
      expect((await tutti.get(runId)).steps["a"]?.state).toBe("retrying");
    });
    expect(await tutti.cancel(runId)).toEqual({ state: "cancelled" });
    expect((await tutti.get(runId)).steps["a"]).toMatchObject({ state: "cancelled", attempts: 1 });
  });

  test("a forEach in the middle: no item begins any more", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile<number>();
    await work({
      probe: async ({ n }, { signal }) => {
        if (Number(n) >= 4) await gate.pass(Number(n), signal);
        return n ?? null;
      },
    });
    const items = Array.from({ length: 40 }, (_, n) => n);
    const { runId } = await tutti.submit(
      workflow([{ id: "e", forEach: "input.items", maxParallel: 4, with: { n: "${{ item }}" } }], {
        inputs: { type: "object" },
      }),
      { input: { items } },
    );
    await gate.holds(4);
    await tutti.cancel(runId);
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("cancelled");
    expect(run.steps["e"]?.state).toBe("cancelled");
    expect(run.steps["e[0]"]?.state).toBe("completed");
    expect(gate.came.toSorted((a, b) => a - b)).toEqual([4, 5, 6, 7]);
    const ends = Object.values(run.steps).map((step) => step.state);
    expect(ends.filter((state) => state === "cancelled")).toHaveLength(37);
  });

  test("a tool that ignores its signal does not hold the run up", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    const never = new AbortController().signal;
    await work({
      probe: async (_input, { stepId }) => {
        await gate.pass(stepId, never);
        return "too late";
      },
    });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await gate.holds(1);
    await tutti.cancel(runId);
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.steps["a"]).toMatchObject({ state: "cancelled" });
    gate.open();
    expect((await tutti.get(runId, { outputs: true })).steps["a"]).not.toHaveProperty("output");
  });

  test("twice, and at once ten times: one end", async ({ orchestra: { tutti, work } }) => {
    const gate = new Turnstile();
    await work({
      probe: async (_input, { stepId, signal }) => {
        await gate.pass(stepId, signal);
        return null;
      },
    });
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b" }]));
    await gate.holds(2);
    const states = await Promise.all(Array.from({ length: 10 }, () => tutti.cancel(runId)));
    for (const { state } of states) expect(["cancelling", "cancelled"]).toContain(state);
    expect((await tutti.result(runId)).state).toBe("cancelled");
    expect(await tutti.cancel(runId)).toEqual({ state: "cancelled" });
  });

  test("a run that has ended stays as it is", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: () => 1 });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await tutti.result(runId);
    expect(await tutti.cancel(runId)).toEqual({ state: "completed" });
    await expect(tutti.cancel("nobody")).rejects.toMatchObject({ code: "run_not_found" });
  });

  test("a step that ends while the cancel is under way does not end the run before the others", async ({
    orchestra: { tutti, parts },
    redis,
    prefix,
  }) => {
    // The canceller has asked and not yet counted; `a` ends in between, `b` still runs.
    const ledger = new Ledger(redis, new Keys(prefix));
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b" }]));
    for (const stepId of ["a", "b"])
      await ledger.begin(
        { runId, epoch: 0, stepId, start: 1 },
        { once: false, calls: true, fields: [] },
      );
    await parts.runs.cancel(runId, CANCEL);
    const end = (stepId: string) =>
      ledger.commit({ runId, epoch: 0, stepId, start: 1 }, { outcome: "cancelled", attempts: 1 });
    expect(await end("a")).toMatchObject({ status: "ok", lastOfAborted: false });
    const steps = [{ stepId: "a" }, { stepId: "b" }];
    expect(await parts.runs.cancelSteps(runId, 0, steps, "enough")).toEqual([{ stepId: "b" }]);
    // Somebody who repairs counts again; that changes nothing.
    expect(await parts.runs.cancelSteps(runId, 0, steps, "enough")).toEqual([{ stepId: "b" }]);
    expect(await parts.runs.cancelSettled(runId)).toBe(false);
    expect(await end("b")).toMatchObject({ status: "ok", lastOfAborted: true });
  });
});

test("what a policy stops does not end a run with its last running item", async ({
  orchestra: { tutti, parts },
  redis,
  prefix,
}) => {
  const { runId } = await tutti.submit(workflow([{ id: "e", forEach: "[1]" }, { id: "b" }]));
  // A worker that died left the item running; the forEach is entered again and finds that it is stopped.
  await redis.hset(`${prefix}.run:${runId}`, "n:e", "1", "s:e.0", "R1,1,,1|");
  const item = { stepId: "e", item: 0 };
  expect(await parts.runs.cancelSteps(runId, 0, [item], "b failed")).toEqual([item]);
  const ended = await parts.ledger.commit(
    { runId, epoch: 0, ...item, start: 1 },
    { outcome: "cancelled", attempts: 1 },
  );
  expect(ended).toMatchObject({ status: "ok", lastOfAborted: false });
});

describe("when the canceller died", () => {
  test("the repair ends what never began, and the run", async ({ orchestra: { tutti, parts } }) => {
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]));
    await parts.runs.cancel(runId, CANCEL);
    expect((await tutti.get(runId)).state).toBe("cancelling");
    expect(await cancelRun(parts, runId, CANCEL)).toBe("cancelling");
    expect(await resumeCancel(parts, runId)).toBe("cancelled");
    expect((await tutti.get(runId)).steps["b"]).toMatchObject({
      state: "cancelled",
      reason: "enough",
    });
    expect(await resumeCancel(parts, runId)).toBe("cancelled");
  });

  test("a step whose worker is dead is waited for, and one without a job is not", async ({
    orchestra: { tutti, parts, queues, work },
    redis,
    prefix,
  }) => {
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b" }]));
    // As a worker left it that died in the middle of the call.
    await redis.hset(`${prefix}.run:${runId}`, "s:a", "R1,1,,1|", "s:b", "R1,1,,1|");
    expect(await cancelRun(parts, runId, CANCEL)).toBe("cancelling");
    expect(await resumeCancel(parts, runId)).toBe("cancelling");
    expect(await queues.get("probe").remove(`wf.${runId}.0.a`)).toBe(1);
    expect(await resumeCancel(parts, runId)).toBe("cancelling");
    expect((await tutti.get(runId)).steps["a"]?.state).toBe("cancelled");
    // The job of b was kept: the next worker ends it, and the repair the run.
    await work({ probe: () => 1 });
    await eventually(async () => expect(await resumeCancel(parts, runId)).toBe("cancelled"));
    expect((await tutti.get(runId)).steps["b"]?.state).toBe("cancelled");
  });
});
