import { expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { SOON, workflow } from "../../support/drawn/workflows.ts";

test("mode sequential: one step after another, in the order of the document where the graph allows", async ({
  orchestra: { tutti, work },
}) => {
  let running = 0;
  const order: string[] = [];
  const once = new Set<string>();
  await work({
    probe: async (input, { stepId }) => {
      order.push(stepId);
      expect(++running).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      if (input["again"] === true && !once.has(stepId)) {
        once.add(stepId);
        throw new TuttiError("step_execution_failed", "once more");
      }
      if (input["fail"] === true) throw new TuttiError("tool_failed", "told to");
      return null;
    },
  });
  const { runId } = await tutti.submit(
    workflow(
      [
        // Ids that an object would put in another order.
        { id: "9" },
        { id: "3", with: { fail: true } },
        { id: "late", needs: ["last"] },
        { id: "2", retry: SOON, with: { again: true } },
        { id: "behind", needs: ["3"] },
        { id: "last" },
        { id: "1" },
      ],
      { mode: "sequential" },
    ),
  );
  const run = await tutti.result(runId);
  expect(order).toEqual(["9", "3", "last", "late", "2", "2", "1"]);
  expect(run.state).toBe("partial");
  // A failure travels along declared dependencies only.
  expect(run.steps["behind"]).toMatchObject({ state: "skipped", reason: "3 failed" });
  const times = ["9", "3", "last", "late", "2", "1"].map((id) => run.steps[id]!);
  for (const [at, step] of times.slice(1).entries())
    expect(step.startedAt! >= times[at]!.finishedAt!).toBe(true);
});

test("mode parallel: independent steps run together", async ({ orchestra: { tutti, work } }) => {
  let running = 0;
  let together = () => {};
  const both = new Promise<void>((resolve) => (together = resolve));
  await work({
    probe: async () => {
      if (++running === 2) together();
      await both;
      return null;
    },
  });
  const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b" }], { mode: "parallel" }));
  expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
});
