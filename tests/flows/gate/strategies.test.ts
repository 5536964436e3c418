import { expect } from "vitest";

import { workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const STEPS = 8;

test.for([
  ["conservative", "cpu", 3],
  ["balanced", "cpu", 4],
  ["aggressive", "cpu", 5],
  ["aggressive", "memory", 4],
  ["unlimited", "cpu", STEPS],
] as const)(
  "%s lets calls of 0.23 %s start %i times at once",
  async ([strategy, resource, times], { limited }) => {
    const { tutti, work, gate } = limited({
      tools: { heavy: { resources: { [resource]: 0.23 } } },
    });
    const turnstile = new Turnstile();
    await work(
      {
        heavy: async (_input, { stepId, signal }) =>
          turnstile.pass(stepId, signal).then(() => null),
      },
      { strategy },
    );
    const steps = Array.from({ length: STEPS }, (_, index) => ({ id: `s${index}`, tool: "heavy" }));
    const { runId } = await tutti.submit(workflow(steps));
    await turnstile.holds(times);
    if (times < STEPS)
      await eventually(async () => {
        const { machines } = await gate.explain("heavy");
        expect(Object.values(machines).flat()).toMatchObject([{ kind: "resource", resource }]);
      });
    expect(turnstile.came).toHaveLength(times);
    turnstile.open();
    expect((await tutti.result(runId, { timeoutMs: 30_000 })).state).toBe("completed");
  },
);
