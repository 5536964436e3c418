import { describe, expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

type Call = { readonly stepId: string; readonly signal: AbortSignal };

describe("two workers", () => {
  test("share the steps, and each step runs once", async ({ orchestra: { tutti, work } }) => {
    const gate = new Turnstile();
    const hold = (name: string) => ({
      probe: async (_input: unknown, { stepId, signal }: Call) => {
        await gate.pass(stepId, signal);
        return name;
      },
    });
    const workers = [
      await work(hold("first"), { machine: "m1" }),
      await work(hold("second"), { machine: "m2" }),
    ];
    expect((await tutti.workers()).map(({ id }) => id).toSorted()).toEqual(
      workers.map(({ id }) => id).toSorted(),
    );
    const steps = Array.from({ length: 40 }, (_, n) => ({ id: `s${n}` }));
    const { runId } = await tutti.submit(workflow(steps));
    await gate.holds(40);
    gate.open();
    const run = await tutti.result(runId);
    expect(run.state).toBe("completed");
    expect(new Set(gate.came).size).toBe(40);
    const by = new Set(Object.values(run.steps).map((step) => step.output));
    expect(by).toEqual(new Set(["first", "second"]));
  });

  test("of which one serves other tools: each does its part", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ one: () => "one" }, { tools: ["one"] });
    await work({ two: () => "two" }, { tools: ["two"] });
    const { runId } = await tutti.submit(
      workflow([
        { id: "a", tool: "one" },
        { id: "b", tool: "two", needs: ["a"] },
        { id: "c", tool: "one", needs: ["b"] },
      ]),
    );
    expect((await tutti.result(runId)).state).toBe("completed");
  });
});

describe("a worker that is closed", () => {
  test("waits for its running step and takes no other", async ({ orchestra: { tutti, work } }) => {
    const gate = new Turnstile();
    const worker = await work(
      {
        probe: async (_input: unknown, { stepId, signal }: Call) => {
          await gate.pass(stepId, signal);
          return "done";
        },
      },
      // Longer than the test lets it wait, however slow that is.
      { graceMs: 60_000 },
    );
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]));
    await gate.holds(1);
    const closing = worker.close();
    expect(worker.close()).toBe(closing);
    await eventually(async () => expect(await tutti.workers()).toEqual([]));
    gate.open();
    await closing;
    expect((await tutti.get(runId)).steps).toMatchObject({
      a: { state: "completed" },
      b: { state: "pending" },
    });
    await work({ probe: () => "next" });
    expect((await tutti.result(runId)).steps["b"]?.output ?? null).toBe("next");
  });

  test("hands back what does not end in time, and another worker runs it", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    const worker = await work(
      {
        probe: async (_input: unknown, { stepId, signal }: Call) => {
          await gate.pass(stepId, signal);
          return "first";
        },
      },
      { graceMs: 50 },
    );
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await gate.holds(1);
    await worker.close();
    expect((await tutti.get(runId)).steps["a"]?.state).toBe("running");
    await work({ probe: () => "second" });
    const { steps } = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(steps["a"]).toMatchObject({ state: "completed", output: "second", attempts: 1 });
  });

  test("does not have a tool called again that is not idempotent", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    const effect = async (_input: unknown, { stepId, signal }: Call) => {
      await gate.pass(stepId, signal);
      return null;
    };
    const worker = await work({ effect }, { graceMs: 50 });
    const { runId } = await tutti.submit(workflow([{ id: "a", tool: "effect" }]));
    await gate.holds(1);
    await worker.close();
    await work({ effect });
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).steps["a"]).toMatchObject({
      state: "failed",
      error: { code: "effect_unknown" },
    });
    expect(gate.came).toHaveLength(1);
  });
});
