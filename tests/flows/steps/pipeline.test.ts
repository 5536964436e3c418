import { describe, expect } from "vitest";

import { TuttiError, type Json, type JsonObject } from "../../../config/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

/** Three stages: each adds its name to the item. */
const STAGES = [
  { id: "list", tool: "one" },
  {
    id: "a",
    forEach: "${{ steps.list.output }}",
    maxParallel: 3,
    with: { stage: "a", item: "${{ item }}" },
  },
  { id: "b", forEach: "${{ steps.a.output }}", with: { stage: "b", item: "${{ item }}" } },
  { id: "c", forEach: "${{ steps.b.output }}", with: { stage: "c", item: "${{ item }}" } },
];
const PIPELINE = { mode: "pipeline", output: "${{ steps.c.output }}" };
const ITEMS = Array.from({ length: 8 }, (_, index) => String(index));

const text = (value: Json | undefined): string => (typeof value === "string" ? value : "");
const add = ({ stage, item }: JsonObject): string => `${text(item)}${text(stage)}`;

describe("mode pipeline", () => {
  test("gives the same result as mode parallel", async ({ orchestra: { tutti, work } }) => {
    await work({ one: () => ITEMS, probe: add });
    const piped = await tutti.submit(workflow(STAGES, PIPELINE));
    const plain = await tutti.submit(workflow(STAGES, { ...PIPELINE, mode: "parallel" }));
    const [first, second] = await Promise.all(
      [piped, plain].map(({ runId }) => tutti.result(runId, { timeoutMs: 20_000 })),
    );
    expect(first).toMatchObject({ state: "completed", output: ITEMS.map((item) => `${item}abc`) });
    expect(first?.output).toEqual(second?.output);
  });

  test("hands an item on while others are still in the first stage, and bounds those underway", async ({
    orchestra: { tutti, work },
  }) => {
    const last = new Turnstile();
    let underway = 0;
    let most = 0;
    const ended = new Set<string>();
    await work({
      one: () => ITEMS,
      probe: async ({ stage, item }, { signal }) => {
        const number = text(item).slice(0, 1);
        if (stage === "a") most = Math.max(most, ++underway);
        if (stage === "a" && number === "2") await last.pass("2", signal);
        if (stage === "c") {
          underway--;
          ended.add(number);
        }
        return add({ stage: text(stage), item: text(item) });
      },
    });
    const { runId } = await tutti.submit(workflow(STAGES, PIPELINE));
    await last.holds(1);
    // Item 2 is held in the first stage; all the others of its turn and the next pass every stage.
    await expect.poll(() => [...ended].toSorted()).toEqual(["0", "1", "3", "4", "6", "7"]);
    expect((await tutti.get(runId)).steps["a"]?.state).toBe("running");
    last.open();
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    expect(most).toBeLessThanOrEqual(3);
  });

  test("takes an item that failed no further, and the others to the end", async ({
    orchestra: { tutti, work },
  }) => {
    await work({
      one: () => ["0", "1", "2", "3"],
      probe: ({ stage, item }) => {
        if (stage === "b" && item === "1a") throw new TuttiError("tool_failed", "no");
        return add({ stage: text(stage), item: text(item) });
      },
    });
    const { runId } = await tutti.submit(workflow(STAGES, PIPELINE));
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run).toMatchObject({ state: "partial", output: ["0abc", null, "2abc", "3abc"] });
    expect(run.steps).toMatchObject({
      a: { state: "completed" },
      b: { state: "failed", error: { details: { failed: 1, items: 4 } } },
      "c[1]": { state: "skipped", reason: "b[1] failed" },
      c: { state: "completed" },
    });
  });

  test("of no items, or of items that all failed, ends too", async ({
    orchestra: { tutti, work },
  }) => {
    await work({
      one: ({ n }) => Array.from({ length: Number(n) }, (_, index) => index),
      probe: () => {
        throw new TuttiError("tool_failed", "no");
      },
    });
    const [list, ...stages] = STAGES;
    const of = (n: number) => workflow([{ ...list, with: { n } }, ...stages], PIPELINE);
    const none = await tutti.submit(of(0));
    const bad = await tutti.submit(of(5));
    expect(await tutti.result(none.runId, { timeoutMs: 20_000 })).toMatchObject({
      state: "completed",
      output: [],
    });
    expect((await tutti.result(bad.runId, { timeoutMs: 20_000 })).steps).toMatchObject({
      a: { state: "failed" },
      b: { state: "skipped", reason: "no item reached it" },
      c: { state: "skipped", reason: "no item reached it" },
    });
  });

  test("calls no stage for items that were stopped before it", async ({
    orchestra: { tutti, work },
  }) => {
    const given: unknown[] = [];
    await work({
      one: () => {
        throw new TuttiError("tool_failed", "no");
      },
      two: ({ of }) => {
        given.push(of);
        return Promise.resolve(null);
      },
    });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "a", tool: "one", group: "g", forEach: "[0, 1, 2, 3]", maxParallel: 1 },
          { id: "b", tool: "two", forEach: "steps.a.output", with: { of: "${{ item }}" } },
        ],
        { mode: "pipeline", groups: { g: { onError: "fail_fast" } } },
      ),
    );
    const { steps } = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(given).toEqual([]);
    expect(steps).toMatchObject({
      a: { state: "failed" },
      "a[1]": { state: "cancelled" },
      "b[1]": { state: "skipped", reason: "a[1] was cancelled" },
      b: { state: "skipped" },
    });
  });

  test("does not begin a stage that waits for what failed", async ({
    orchestra: { tutti, work },
  }) => {
    await work({
      one: () => {
        throw new TuttiError("tool_failed", "no");
      },
      probe: () => 1,
    });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "x", tool: "one" },
          { id: "a", needs: ["x"], join: "settled", forEach: "[0, 1]" },
          { id: "b", needs: ["x"], forEach: "steps.a.output" },
          { id: "c", forEach: "steps.b.output" },
        ],
        { mode: "pipeline" },
      ),
    );
    const { steps } = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(steps).toMatchObject({
      a: { state: "completed" },
      b: { state: "skipped", reason: "x failed" },
    });
  });

  test("is refused when nothing flows", ({ orchestra: { tutti } }) => {
    expect(() => tutti.prepare(workflow([{ id: "a" }], { mode: "pipeline" }))).toThrow(
      /needs a forEach whose list is the output of another/,
    );
  });
});

test("mode auto is chosen by the shape, and says why", ({ orchestra: { tutti } }) => {
  const modeOf = (steps: readonly object[]) =>
    tutti.prepare(workflow(steps, { mode: "auto" })).mode;
  expect(modeOf(STAGES)).toEqual({
    mode: "pipeline",
    reason: "2 stages take the items of another one",
  });
  expect(modeOf([{ id: "a" }, { id: "b", needs: ["a"] }])).toEqual({
    mode: "sequential",
    reason: "no two steps can run at the same time",
  });
  expect(modeOf([{ id: "a" }, { id: "b" }]).mode).toBe("parallel");
  expect(modeOf(Array.from({ length: 40 }, (_, index) => ({ id: `s${index}` }))).mode).toBe(
    "adaptive",
  );
});
