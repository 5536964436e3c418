import { expect } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const once = { retry: { maxAttempts: 1 } } as const;
const WAIT = { timeoutMs: 30_000 };

/** Counts the calls of each step, and fails those of `broken`. */
class Bench {
  readonly broken = new Set<string>();
  readonly calls: string[] = [];
  readonly inputs: unknown[] = [];

  readonly probe: ToolHandler = (input, { stepId }) => {
    this.calls.push(stepId);
    this.inputs.push(input);
    if (this.broken.has(stepId)) throw new Error(`${stepId} is broken`);
    return Promise.resolve(stepId);
  };

  /** What was called since the last look, in the order of the alphabet. */
  since(): string[] {
    return this.calls.splice(0).toSorted();
  }
}

test("of fifty steps only the failed one and what depends on it run again, as often as needed", async ({
  orchestra: { tutti, work },
}) => {
  const bench = new Bench();
  await work({ probe: bench.probe });
  // Five chains of ten; the middle of the third is broken.
  const name = (chain: number, place: number) => `s${chain}-${place}`;
  const steps = Array.from({ length: 50 }, (_, n) => {
    const [chain, place] = [Math.floor(n / 10), n % 10];
    return { id: name(chain, place), needs: place === 0 ? [] : [name(chain, place - 1)], ...once };
  });
  bench.broken.add(name(2, 5));
  const again = [5, 6, 7, 8, 9].map((place) => name(2, place));
  const { runId } = await tutti.submit(workflow(steps));
  const first = await tutti.result(runId, WAIT);
  expect(first.state).toBe("partial");
  expect(bench.since()).toHaveLength(46);

  expect(await tutti.resume(runId, { actor: "ann" })).toMatchObject({ epoch: 1, steps: again });
  expect((await tutti.result(runId, WAIT)).state).toBe("partial");
  expect(bench.since()).toEqual([name(2, 5)]);

  bench.broken.clear();
  expect(await tutti.resume(runId, { actor: "bob" })).toMatchObject({ epoch: 2, steps: again });
  const last = await tutti.result(runId, WAIT);
  expect(last.state).toBe("completed");
  expect(bench.since()).toEqual(again);
  expect(last).toMatchObject({
    epoch: 2,
    epochs: [
      { epoch: 0, state: "partial", resumedBy: "ann", steps: 5 },
      { epoch: 1, state: "partial", resumedBy: "bob", steps: 5 },
    ],
  });
  expect(last).not.toHaveProperty("error");
  // When the run was admitted for the first time is not known any more.
  expect(last.steps[name(0, 0)]).toEqual({ ...first.steps[name(0, 0)], eligibleAtMs: null });
  expect(last.steps[name(0, 1)]).toEqual(first.steps[name(0, 1)]);
});

test("of two resumptions at once one wins", async ({ orchestra: { tutti, work } }) => {
  const bench = new Bench();
  bench.broken.add("a");
  await work({ probe: bench.probe });
  const { runId } = await tutti.submit(workflow([{ id: "a", ...once }]));
  await tutti.result(runId, WAIT);
  bench.broken.clear();
  bench.since();
  const both = await Promise.allSettled([tutti.resume(runId), tutti.resume(runId)]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  expect(both.find(({ status }) => status === "rejected")).toMatchObject({
    reason: { code: "resume_refused" },
  });
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  expect(bench.since()).toEqual(["a"]);
});

test("steps of any state run again when they are named, those that failed only by choice", async ({
  orchestra: { tutti, work },
}) => {
  const bench = new Bench();
  bench.broken.add("x").add("y");
  await work({ probe: bench.probe });
  const { runId } = await tutti.submit(
    workflow([{ id: "a" }, { id: "b", needs: ["a"] }, { id: "x", ...once }, { id: "y", ...once }]),
  );
  await tutti.result(runId, WAIT);
  bench.since();
  bench.broken.clear();
  expect((await tutti.resume(runId, { steps: ["x"] })).steps).toEqual(["x"]);
  expect((await tutti.result(runId, WAIT)).state).toBe("partial");
  expect(bench.since()).toEqual(["x"]);
  expect((await tutti.resume(runId, { from: ["a"] })).steps).toEqual(["a", "b"]);
  await tutti.result(runId, WAIT);
  expect(bench.since()).toEqual(["a", "b"]);
  await tutti.resume(runId);
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  await expect(tutti.resume(runId)).rejects.toMatchObject({ code: "resume_refused" });
  await expect(tutti.resume(runId, { steps: ["a"] })).rejects.toMatchObject({
    code: "resume_refused",
    message: expect.stringContaining("it is completed"),
  });
});

test("a run goes on with another input, what is kept had the old one", async ({
  orchestra: { tutti, work },
}) => {
  const bench = new Bench();
  bench.broken.add("b");
  await work({ probe: bench.probe });
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "a", with: { n: "${{ input.n }}" } },
        { id: "b", needs: ["a"], with: { n: "${{ input.n }}" }, ...once },
      ],
      {
        inputs: {
          type: "object",
          properties: { n: { type: "number" }, m: { type: "number", default: 7 } },
          required: ["n"],
        },
        output: "${{ [input.n, input.m] }}",
      },
    ),
    { input: { n: 1 } },
  );
  await tutti.result(runId, WAIT);
  bench.broken.clear();
  await expect(tutti.resume(runId, { input: { n: "one", m: "two" } })).rejects.toMatchObject({
    code: "input_invalid",
    issues: [{ path: ["input", "n"] }, { path: ["input", "m"] }],
  });
  await tutti.resume(runId, { input: { n: 2 } });
  const run = await tutti.result(runId, WAIT);
  expect(run).toMatchObject({ state: "completed", output: [2, 7] });
  expect(bench.inputs).toEqual([{ n: 1 }, { n: 1 }, { n: 2 }]);
});

test("a step runs again with an input of its own, as it stands", async ({
  orchestra: { tutti, work },
}) => {
  const bench = new Bench();
  bench.broken.add("b");
  await work({ probe: bench.probe });
  const { runId } = await tutti.submit(
    workflow([
      { id: "a" },
      { id: "b", needs: ["a"], with: { n: "${{ steps.a.output }}" }, ...once },
      { id: "echo", tool: "core.echo", needs: ["b"], with: { value: 1 } },
    ]),
  );
  await tutti.result(runId, WAIT);
  bench.broken.clear();
  const literal = { n: "${{ this is text }}" };
  await tutti.resume(runId, { with: { b: literal, echo: { value: 2 } } });
  const run = await tutti.result(runId, WAIT);
  expect(run).toMatchObject({ state: "completed", steps: { echo: { output: { value: 2 } } } });
  expect(bench.inputs.at(-1)).toEqual(literal);
});

test("everything that is wrong with a resumption is told at once", async ({
  orchestra: { tutti, work },
}) => {
  const bench = new Bench();
  bench.broken.add("b");
  await work({ probe: bench.probe });
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "a" },
        { id: "b", ...once },
        { id: "each", forEach: "[1]", with: {} },
        { id: "echo", tool: "core.sleep", with: { ms: 1 } },
      ],
      { inputs: { type: "object", additionalProperties: false } },
    ),
  );
  await tutti.result(runId, WAIT);
  await expect(
    tutti.resume(runId, {
      steps: ["b", "nope"],
      from: ["nor"],
      input: { x: 1 },
      with: { none: {}, each: {}, echo: { ms: "long" } },
    }),
  ).rejects.toMatchObject({
    issues: [
      { code: "request_invalid", path: ["from"] },
      { code: "request_invalid", path: ["steps", 1] },
      { code: "request_invalid", path: ["from", 0] },
      { code: "request_invalid", path: ["with", "none"] },
      { code: "request_invalid", path: ["with", "each"] },
      { code: "input_invalid", path: ["with", "echo", "ms"] },
      { code: "input_invalid", path: ["input", "x"] },
    ],
  });
  await expect(tutti.resume(runId, { with: { a: {} } })).rejects.toMatchObject({
    code: "request_invalid",
    message: expect.stringContaining("a"),
  });
  await expect(
    tutti.resume(runId, { with: { b: { text: "x".repeat(300_000) } } }),
  ).rejects.toMatchObject({ code: "payload_too_large" });
  await expect(tutti.resume(runId, { steps: [] })).rejects.toMatchObject({
    code: "request_invalid",
  });
  expect((await tutti.get(runId)).epoch).toBe(0);
});

test("of a forEach only the items that failed run again", async ({
  orchestra: { tutti, work },
}) => {
  const calls: number[] = [];
  let broken = true;
  await work({
    probe: ({ n }) => {
      calls.push(Number(n));
      if (broken && n === 3) throw new Error("three");
      return Promise.resolve(Number(n) * 10);
    },
  });
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "e", forEach: "[1, 2, 3, 4]", maxParallel: 1, with: { n: "${{ item }}" }, ...once },
        { id: "after", tool: "core.echo", with: { value: "${{ steps.e.output }}" } },
      ],
      { output: "${{ steps.after.output.value }}" },
    ),
  );
  expect((await tutti.result(runId, WAIT)).steps).toMatchObject({
    e: { state: "failed" },
    after: { state: "skipped" },
  });
  broken = false;
  calls.length = 0;
  await tutti.resume(runId);
  expect(await tutti.result(runId, WAIT)).toMatchObject({
    state: "completed",
    output: [10, 20, 30, 40],
  });
  expect(calls).toEqual([3]);
});

test("what was undone is done again", async ({ orchestra: { tutti, work } }) => {
  const log: string[] = [];
  let broken = true;
  await work({
    one: (_input, { stepId }) => {
      log.push(`do ${stepId}`);
      return Promise.resolve(stepId);
    },
    two: ({ of }) => {
      log.push(`undo ${JSON.stringify(of)}`);
      return Promise.resolve(null);
    },
    probe: () => {
      log.push("probe");
      if (broken) throw new Error("broken");
      return Promise.resolve(1);
    },
  });
  const compensate = { tool: "two", with: { of: "${{ output }}" } };
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "free", tool: "one" },
        { id: "paid", tool: "one", needs: ["free"], compensate },
        { id: "sent", tool: "probe", needs: ["paid"], ...once },
      ],
      { onError: "recovery" },
    ),
  );
  const first = await tutti.result(runId, WAIT);
  expect(first).toMatchObject({
    state: "failed",
    compensation: [{ step: "paid", state: "completed" }],
  });
  expect(log.splice(0)).toEqual(["do free", "do paid", "probe", 'undo "paid"']);
  broken = false;
  expect((await tutti.resume(runId)).steps).toEqual(["paid", "sent"]);
  const second = await tutti.result(runId, WAIT);
  expect(second.state).toBe("completed");
  expect(second).not.toHaveProperty("compensation");
  expect(log).toEqual(["do paid", "probe"]);
});

test("a cancelled run goes on where it was stopped", async ({ orchestra: { tutti, work } }) => {
  const gate = new Turnstile();
  const calls: string[] = [];
  await work({
    probe: async (_input, { stepId, signal }) => {
      calls.push(stepId);
      if (stepId === "b") await gate.pass(stepId, signal);
      return null;
    },
  });
  const { runId } = await tutti.submit(
    workflow([{ id: "a" }, { id: "b", needs: ["a"] }, { id: "c", needs: ["b"] }]),
  );
  await gate.holds(1);
  await tutti.cancel(runId);
  expect((await tutti.result(runId, WAIT)).state).toBe("cancelled");
  gate.open();
  expect((await tutti.resume(runId)).steps).toEqual(["b", "c"]);
  expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  expect(calls).toEqual(["a", "b", "b", "c"]);
});

test("items that a stage has not got yet are taken from the new list", async ({
  orchestra: { tutti, work },
}) => {
  const given: unknown[] = [];
  let broken = true;
  await work({
    one: ({ n }) => {
      if (broken && n === 1) throw new Error("one");
      return Promise.resolve(`a${JSON.stringify(n)}`);
    },
    two: ({ of }) => {
      given.push(of);
      if (broken && of === "a2") throw new Error("two");
      return Promise.resolve(`b-${JSON.stringify(of)}`);
    },
  });
  const { runId } = await tutti.submit(
    workflow(
      [
        { id: "a", tool: "one", forEach: "[0, 1, 2]", with: { n: "${{ item }}" }, ...once },
        {
          id: "b",
          tool: "two",
          forEach: "steps.a.output",
          with: { of: "${{ item }}" },
          ...once,
        },
      ],
      { mode: "pipeline", output: "${{ steps.b.output }}" },
    ),
  );
  expect((await tutti.result(runId, WAIT)).steps).toMatchObject({
    a: { state: "failed" },
    b: { state: "failed" },
  });
  broken = false;
  given.length = 0;
  await tutti.resume(runId);
  expect(await tutti.result(runId, WAIT)).toMatchObject({
    state: "completed",
    output: ['b-"a0"', 'b-"a1"', 'b-"a2"'],
  });
  expect(given).not.toContain(null);
});

test("with another input of the run a forEach takes its items from that", async ({
  orchestra: { tutti, work },
}) => {
  await work({
    probe: ({ n }) => {
      if (n === 2) throw new Error("two");
      return Promise.resolve(n ?? null);
    },
  });
  const { runId } = await tutti.submit(
    workflow([{ id: "e", forEach: "input.list", with: { n: "${{ item }}" }, ...once }], {
      output: "${{ steps.e.output }}",
    }),
    { input: { list: [1, 2] } },
  );
  expect((await tutti.result(runId, WAIT)).state).toBe("failed");
  await tutti.resume(runId, { input: { list: [7, 8, 9] } });
  expect(await tutti.result(runId, WAIT)).toMatchObject({ state: "completed", output: [7, 8, 9] });
});
