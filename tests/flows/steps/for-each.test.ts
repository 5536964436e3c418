import { describe, expect } from "vitest";

import { TuttiError, type Json } from "../../../config/index.ts";
import { test, type Orchestra } from "../../support/deployment/orchestra.ts";
import { SOON, workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

async function run({ tutti }: Orchestra, step: object, items: Json, more: object = {}) {
  const document = workflow([{ id: "e", forEach: "input.items", ...step }], {
    inputs: { type: "object" },
    output: "${{ steps.e.output }}",
    ...more,
  });
  const { runId } = await tutti.submit(document, { input: { items } });
  return tutti.result(runId, { timeoutMs: 60_000 });
}
const list = (length: number) => Array.from({ length }, (_, index) => index);

describe("forEach", () => {
  test("outputs stand in the order of the items, `as` and `index` name them", async ({
    orchestra,
  }) => {
    await orchestra.work({
      probe: async ({ n }) => {
        // Later items end first.
        for (let turn = Number(n); turn < 9; turn++)
          await new Promise((resolve) => setImmediate(resolve));
        return n ?? null;
      },
    });
    const result = await run(
      orchestra,
      { as: "file", with: { n: "${{ index }}", text: "${{ file.name }}-${{ index }}" } },
      list(8).map((n) => ({ name: `f${n}` })),
    );
    expect(result.output).toEqual(list(8));
    expect(result.steps["e"]).toMatchObject({ state: "completed", attempts: 1 });
    expect(Object.keys(result.steps)).toContain("e[7]");
  });

  test(
    "2,000 items, never more than maxParallel of them waiting or running",
    { timeout: 60_000 },
    async ({ orchestra }) => {
      let running = 0;
      let most = 0;
      let mostJobs = 0;
      const queue = orchestra.queues.get("probe");
      await orchestra.work({
        probe: async ({ n }) => {
          most = Math.max(most, ++running);
          if (Number(n) % 100 === 0)
            mostJobs = Math.max(
              mostJobs,
              await queue.getJobCountByTypes("waiting", "active", "delayed", "prioritized"),
            );
          else await new Promise((resolve) => setImmediate(resolve));
          running--;
          return n ?? null;
        },
      });
      const result = await run(
        orchestra,
        { maxParallel: 7, with: { n: "${{ item }}" } },
        list(2_000),
      );
      expect(result.state).toBe("completed");
      expect(result.output).toEqual(list(2_000));
      expect(most).toBeLessThanOrEqual(7);
      expect(most).toBeGreaterThan(1);
      // An item that has ended is still active for a moment when the one behind it is there.
      expect(mostJobs).toBeLessThanOrEqual(14);
    },
  );

  test("maxParallel 1: one after another", async ({ orchestra }) => {
    let running = 0;
    await orchestra.work({
      probe: async ({ n }) => {
        expect(++running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        return n ?? null;
      },
    });
    const result = await run(orchestra, { maxParallel: 1, with: { n: "${{ item }}" } }, list(12));
    expect(result.output).toEqual(list(12));
  });

  test("an empty list completes with an empty list", async ({ orchestra }) => {
    await orchestra.work({ probe: () => 1 });
    const result = await run(orchestra, { with: { n: "${{ item }}" } }, []);
    expect(result).toMatchObject({
      state: "completed",
      output: [],
      steps: { e: { state: "completed" } },
    });
  });

  test.for([
    ["a text", "abc"],
    ["an object", { a: 1 }],
    ["null", null],
  ] as [string, Json][])("%s is not a list: the step fails", async ([, items], { orchestra }) => {
    await orchestra.work({ probe: () => 1 });
    const result = await run(orchestra, { with: { n: "${{ item }}" } }, items);
    expect(result.steps["e"]).toMatchObject({
      state: "failed",
      error: { code: "reference_missing", message: expect.stringContaining("list") as string },
    });
  });

  test("one item fails: the others run, the step fails and says how many", async ({
    orchestra,
  }) => {
    await orchestra.work({
      probe: ({ n }) => {
        if (n === 2) throw new TuttiError("tool_failed", "two");
        return n ?? null;
      },
    });
    const result = await run(orchestra, { maxParallel: 2, with: { n: "${{ item }}" } }, list(5));
    expect(result.steps).toMatchObject({
      e: {
        state: "failed",
        output: [0, 1, null, 3, 4],
        error: {
          code: "tool_failed",
          message: "1 of 5 items failed; the first: two",
          details: { failed: 1, items: 5 },
        },
      },
      "e[2]": { state: "failed" },
      "e[4]": { state: "completed" },
    });
    expect(result.state).toBe("failed");
  });

  test("items are tried again by themselves", async ({ orchestra }) => {
    const tries = new Map<number, number>();
    await orchestra.work({
      probe: ({ n }, { attempt }) => {
        tries.set(Number(n), attempt);
        if (attempt <= Number(n)) throw new Error("again");
        return attempt;
      },
    });
    const result = await run(orchestra, { with: { n: "${{ item }}" }, retry: SOON }, list(4));
    expect(result.output).toEqual([1, 2, 3, 4]);
    expect(result.steps["e[3]"]).toMatchObject({ attempts: 4, state: "completed" });
  });

  test("goes on where a dead worker left it, within its bounds", async ({ orchestra }) => {
    const gate = new Turnstile<number>();
    await orchestra.work({
      probe: async ({ n }, { signal }) => {
        if (n === 0) await gate.pass(0, signal);
        return n ?? null;
      },
    });
    const { tutti, queues } = orchestra;
    const { runId } = await tutti.submit(
      workflow([{ id: "e", forEach: "input.items", maxParallel: 2, with: { n: "${{ item }}" } }], {
        inputs: { type: "object" },
      }),
      { input: { items: list(9) } },
    );
    // The odd row has run to its end; the even one stands at 0, so 2 must not be added.
    await eventually(async () => {
      expect((await tutti.get(runId)).steps["e[7]"]?.state).toBe("completed");
    });
    expect((await tutti.get(runId)).steps["e[2]"]?.state).toBe("pending");
    expect(await queues.get("probe").getJob(`wf.${runId}.0.e.2`)).toBeUndefined();
    gate.open();
    expect((await tutti.result(runId)).steps["e"]?.output).toEqual(list(9));
  });
});
