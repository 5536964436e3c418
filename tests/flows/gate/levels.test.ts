import { describe, expect } from "vitest";

import { workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const WAIT = { timeoutMs: 30_000 };
const fixed = (level: number | "auto") => ({ level, levelBy: { who: "a test" } }) as const;
const SKIPPED = { state: "skipped", attempts: 0, reason: "the deployment works at level reduced" };

describe("at a level at which its tool rests", () => {
  test("an optional step is skipped, another waits and goes on by itself", async ({ limited }) => {
    const { tutti, work, gate } = limited({
      tools: { nice: { importance: "optional" }, ask: {} },
    });
    const calls: string[] = [];
    const handler = async (_: unknown, { stepId }: { stepId: string }) => {
      calls.push(stepId);
      return Promise.resolve(stepId);
    };
    await work({ nice: handler, ask: handler });
    await gate.configure(fixed(1));
    const { runId } = await tutti.submit(
      workflow([
        // It stands before the others in the queue of the tool.
        { id: "needed", tool: "nice" },
        { id: "spare", tool: "nice", optional: true },
        { id: "behind", tool: "ask", needs: ["spare"] },
        { id: "each", tool: "nice", optional: true, forEach: "${{ [1, 2] }}" },
        { id: "essential", tool: "ask" },
      ]),
      {},
    );
    await eventually(async () => {
      const { steps } = await tutti.get(runId);
      expect(steps["spare"]).toMatchObject(SKIPPED);
      expect(steps["each"]).toMatchObject(SKIPPED);
      expect(steps["behind"]?.state).toBe("completed");
      expect(steps["essential"]?.state).toBe("completed");
      expect(steps["needed"]?.state).toBe("pending");
    });
    const { machines } = await gate.explain("nice");
    expect(Object.values(machines)[0]).toContainEqual({ kind: "degraded", level: 1 });
    await gate.configure(fixed("auto"));
    expect(await gate.level()).toMatchObject({ level: "reduced" });
    await gate.configure(fixed(0));
    const { state, steps } = await tutti.result(runId, WAIT);
    expect(state).toBe("completed");
    expect(steps["needed"]).toMatchObject({ state: "completed", attempts: 1 });
    expect(calls.toSorted()).toEqual(["behind", "essential", "needed"]);
  });

  test("an optional step that will not run anyway says why it does not", async ({ limited }) => {
    const { tutti, work, gate } = limited({ tools: { nice: { importance: "optional" } } });
    await work({ nice: async () => Promise.resolve(null) });
    await gate.configure(fixed(1));
    const { runId } = await tutti.submit(
      workflow([{ id: "spare", tool: "nice", optional: true, when: "${{ false }}" }]),
      {},
    );
    const { steps } = await tutti.result(runId, WAIT);
    expect(steps["spare"]).toMatchObject({ state: "skipped", reason: "when is false" });
  });

  test("an optional step that was let through too late asks for its permit", async ({
    limited,
  }) => {
    const { tutti, work, gate } = limited({
      tools: { nice: { importance: "optional", limits: { concurrency: 1 } } },
    });
    const { runId } = await tutti.submit(
      workflow([{ id: "spare", tool: "nice", optional: true }]),
      {},
    );
    // Marked while the level was reduced; until a worker comes it is normal again.
    await gate.pass([{ queue: "nice", jobId: `wf.${runId}.0.spare` }]);
    let permits = 0;
    await work({
      nice: async () => {
        permits = (await gate.show()).permits.length;
        return null;
      },
    });
    const { steps } = await tutti.result(runId, WAIT);
    expect(steps["spare"]).toMatchObject({ state: "completed", attempts: 1 });
    expect(permits).toBe(1);
  });
});
