import { expect } from "vitest";

import type { RunEvent } from "../../../src/runs/view/watch.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { Fleet } from "../../support/fleets/fleet.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const PROGRAM = "tests/support/fleets/programs/frozen-program.mjs";
/** A process of its own starts slowly on a busy machine. */
const START = { timeoutMs: 90_000 };
const LOCK = { lockDurationMs: 1_000 };

test(
  "a worker that stood still is told as that, and the result of the only call is taken",
  {
    timeout: 180_000,
  },
  async ({ orchestra: { tutti, work, redisUrl, prefix }, redis }) => {
    await using fleet = new Fleet(1, PROGRAM, [redisUrl, prefix]);
    const { runId } = await tutti.submit(
      workflow([
        { id: "a", tool: "effect" },
        { id: "b", needs: ["a"] },
      ]),
    );
    const seen: RunEvent[] = [];
    const watching = (async () => {
      for await (const event of tutti.watch(runId)) seen.push(event);
    })();
    await eventually(async () => expect(await tutti.workers()).toHaveLength(1), START);
    await eventually(async () => expect(await redis.llen(`${prefix}.test:calls`)).toBe(1));
    fleet.signal("SIGSTOP");
    await redis.rpush(`${prefix}.test:go`, "go");
    const called: string[] = [];
    const note = (_: unknown, { stepId }: { stepId: string }) => (called.push(stepId), "second");
    await work({ effect: note, probe: note }, LOCK);
    const takeOver = {
      attempt: 1,
      worker: expect.stringMatching(/./),
      silentMs: expect.any(Number),
      at: expect.stringMatching(/Z$/),
    };
    await eventually(async () =>
      expect((await tutti.get(runId)).steps["a"]?.takeOvers).toEqual([takeOver]),
    );
    fleet.signal("SIGCONT");
    const run = await tutti.result(runId);
    expect(run.steps).toMatchObject({
      a: { state: "completed", output: "first", attempts: 1, takeOvers: [takeOver] },
      b: { state: "completed", output: "second" },
    });
    expect(run.steps["b"]).not.toHaveProperty("takeOvers");
    expect(called).toEqual(["b"]);
    expect(await redis.llen(`${prefix}.test:calls`)).toBe(1);
    const { steps } = await tutti.analyze(runId);
    expect(steps.find(({ step }) => step === "a")?.takeOvers).toEqual([takeOver]);
    await watching;
    // The take-over is seen while the step runs, and stands in its end.
    const told = seen.flatMap((one) =>
      one.type === "step" && one.stepId === "a" && one.step.takeOvers ? [one.step.state] : [],
    );
    expect(told).toEqual(["running", "completed"]);
  },
);

test(
  "however many workers die over the only call, its effect is what is not known",
  {
    timeout: 180_000,
  },
  async ({ orchestra: { tutti, redisUrl, prefix }, redis }) => {
    await using fleet = new Fleet(1, PROGRAM, [redisUrl, prefix]);
    const { runId } = await tutti.submit(workflow([{ id: "a", tool: "effect" }]));
    await eventually(async () => expect(await redis.llen(`${prefix}.test:calls`)).toBe(1), START);
    for (const taken of [1, 2, 3]) {
      fleet.kill(() => 0);
      await eventually(async () => {
        const { a } = (await tutti.get(runId)).steps;
        // On a busy machine the wait for the result may be over before.
        expect(a?.state === "failed" || a?.takeOvers?.length === taken).toBe(true);
      }, START);
    }
    const run = await tutti.result(runId, { timeoutMs: 90_000 });
    expect(run.steps["a"]).toMatchObject({ state: "failed", error: { code: "effect_unknown" } });
    expect(await redis.llen(`${prefix}.test:calls`)).toBe(1);
  },
);

test(
  "a worker that does not come back: what is said is that it was not heard of",
  {
    timeout: 180_000,
  },
  async ({ orchestra: { tutti, work, redisUrl, prefix }, redis }) => {
    await using fleet = new Fleet(1, PROGRAM, [redisUrl, prefix]);
    const { runId } = await tutti.submit(
      workflow([
        { id: "a", tool: "effect" },
        { id: "again", tool: "probe" },
      ]),
    );
    await eventually(async () => expect(await tutti.workers()).toHaveLength(1), START);
    await eventually(async () => expect(await redis.llen(`${prefix}.test:calls`)).toBe(2));
    fleet.signal("SIGSTOP");
    await work({ effect: () => "second", probe: () => "second" }, LOCK);
    const run = await tutti.result(runId, { timeoutMs: 90_000 });
    expect(run.steps).toMatchObject({
      a: {
        state: "failed",
        attempts: 1,
        error: {
          code: "effect_unknown",
          message: expect.stringMatching(
            /was not heard of for \d+\.\d s; the tool is not idempotent/,
          ),
        },
      },
      again: { state: "completed", output: "second", attempts: 1 },
    });
    for (const id of ["a", "again"]) expect(run.steps[id]?.takeOvers).toHaveLength(1);
  },
);

test("of two starts with the same number only the first makes the only call", async ({
  orchestra: { tutti, parts },
}) => {
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  const step = { runId, epoch: 0, stepId: "a", start: 1 };
  const begin = async (holder: string, once: boolean) =>
    (await parts.ledger.begin(step, { once, calls: true, holder, fields: [] })).status;
  expect(await begin("one#1", true)).toBe("go");
  // Sent again because its answer was lost.
  expect(await begin("one#1", true)).toBe("go");
  // A server that took over had not heard of the start, and gave the job to another, or once more to the same worker.
  expect(await begin("two#1", true)).toBe("unknown");
  expect(await begin("one#2", true)).toBe("unknown");
  expect((await tutti.get(runId)).steps["a"]).toMatchObject({
    takeOvers: [expect.objectContaining({ worker: "one" })],
  });
  // Who makes the call may take it back, the others may not.
  await parts.ledger.undo(step, "two#1");
  expect(await begin("two#1", true)).toBe("unknown");
  await parts.ledger.undo(step, "one#1");
  expect(await begin("two#1", true)).toBe("go");
  expect(await begin("one#2", false)).toBe("go");
});
