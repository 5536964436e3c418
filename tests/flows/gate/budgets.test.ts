import { describe, expect } from "vitest";

import { ownBudget } from "../../../queues/index.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Lag } from "../../support/waiting/lag.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 30_000 };
const steps = (tool: string, count: number, more: object = {}) =>
  workflow(Array.from({ length: count }, (_, index) => ({ id: `${tool}${index}`, tool, ...more })));

/** Units that are taken of a window of a minute, and nothing else. */
const unitsIn = (budget: string, units: number) =>
  new Map([[budget, { slots: 0, units: { 60_000: units } }]]);

describe("slots", () => {
  test("are shared by tools and workers, and come back", async ({ limited }) => {
    const { tutti, work, gate } = limited({
      budgets: { gpu: { slots: 2 } },
      tools: { paint: { budgets: { gpu: 1 } }, film: { budgets: { gpu: 2 } } },
    });
    const turnstile = new Turnstile();
    let most = 0;
    let held = 0;
    const handler =
      (slots: number) =>
      async (_: unknown, { stepId, signal }: Called) => {
        held += slots;
        most = Math.max(most, held);
        await turnstile.pass(stepId, signal);
        held -= slots;
        return null;
      };
    const handlers = { paint: handler(1), film: handler(2) };
    await work(handlers, { machine: "a" });
    await work(handlers, { machine: "b" });
    const runs = [
      await tutti.submit(steps("paint", 3), { runId: "paint" }),
      await tutti.submit(steps("film", 2), { runId: "film" }),
    ];
    await turnstile.holds(1);
    turnstile.open();
    for (const { runId } of runs) expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    expect(most).toBe(2);
    await eventually(async () => expect((await gate.show()).permits).toEqual([]));
  });

  test("a step takes what it says instead of what its tool says", async ({ limited }) => {
    const { tutti, work } = limited({
      budgets: { gpu: { slots: 4 } },
      tools: { paint: { budgets: { gpu: 1 } } },
    });
    const turnstile = new Turnstile();
    await work({
      paint: async (_input, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
    });
    const { runId } = await tutti.submit(steps("paint", 4, { budgets: { gpu: 2 } }), {});
    await turnstile.holds(2);
    await eventually(async () => {
      const states = Object.values((await tutti.get(runId)).steps).map(({ state }) => state);
      expect(states.filter((state) => state === "running")).toHaveLength(2);
    });
    expect(turnstile.came).toHaveLength(2);
    turnstile.open();
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  });
});

describe("rates", () => {
  const RATE = { max: 3, durationMs: 400 };

  test("let no more through in any window, over two workers", async ({ limited, redis }) => {
    await using lag = new Lag(redis);
    const { tutti, work } = limited({ tools: { ask: { limits: { rate: RATE } } } });
    const calls: number[] = [];
    const handlers = {
      ask: async () => {
        calls.push(performance.now());
        return Promise.resolve(null);
      },
    };
    await work(handlers, { machine: "a" });
    await work(handlers, { machine: "b" });
    const { runId } = await tutti.submit(steps("ask", 9), {});
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    // A call that was let through, and stood still before it was made, comes nearer to those behind it.
    const leastMs = RATE.durationMs - (await lag.ms());
    expect(calls).toHaveLength(9);
    for (let index = RATE.max; index < calls.length; index++)
      expect(calls[index]! - calls[index - RATE.max]!).toBeGreaterThan(leastMs);
  });

  test("a call that is not made gives its units back", async ({ limited }) => {
    const { tutti, work, gate } = limited({
      tools: { ask: { limits: { rate: { max: 1, durationMs: 60_000 } } } },
    });
    await work({ ask: async () => Promise.resolve(null) });
    const skipped = await tutti.submit(steps("ask", 1, { when: "${{ false }}" }), {});
    expect((await tutti.result(skipped.runId, WAIT)).steps["ask0"]?.state).toBe("skipped");
    const made = await tutti.submit(steps("ask", 1), {});
    expect((await tutti.result(made.runId, WAIT)).state).toBe("completed");
    expect((await gate.show()).used).toEqual(unitsIn(ownBudget("ask"), 1));
  });

  test("an estimate is settled by what the call says it used", async ({ limited }) => {
    const { tutti, work, gate } = limited({
      budgets: { tokens: { rates: [{ max: 1_000, durationMs: 60_000 }] } },
      tools: {
        ask: { budgets: { tokens: { slots: 0, cost: 500, actual: "${{ result.used }}" } } },
      },
    });
    await work({ ask: async () => Promise.resolve({ used: 40 }) });
    // Four estimates are twice what the window has.
    const { runId } = await tutti.submit(steps("ask", 4), {});
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    await eventually(async () => expect((await gate.show()).used).toEqual(unitsIn("tokens", 160)));
  });
});

describe("a step that will not call its tool", () => {
  test("passes although the budget of its tool is used up", async ({ limited }) => {
    const { tutti, work } = limited({
      budgets: { gpu: { slots: 1 } },
      tools: { paint: { budgets: { gpu: 1 } }, fail: {} },
    });
    const turnstile = new Turnstile();
    await work({
      paint: async (_input, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
      fail: async () => Promise.reject(new Error("no")),
    });
    const holder = await tutti.submit(steps("paint", 1), { runId: "holder" });
    await turnstile.holds(1);
    const doomed = await tutti.submit(
      workflow([
        { id: "first", tool: "fail", retry: { maxAttempts: 1 } },
        { id: "second", tool: "paint", needs: ["first"] },
        { id: "third", tool: "paint", needs: ["second"] },
      ]),
      { runId: "doomed" },
    );
    const { steps: ended } = await tutti.result(doomed.runId, WAIT);
    expect([ended["second"]?.state, ended["third"]?.state]).toEqual(["skipped", "skipped"]);
    turnstile.open();
    expect((await tutti.result(holder.runId, WAIT)).state).toBe("completed");
  });
});

type Called = { readonly stepId: string; readonly signal: AbortSignal };
