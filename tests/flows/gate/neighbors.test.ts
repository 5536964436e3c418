import { describe, expect } from "vitest";

import type { Strategy } from "../../../config/index.ts";
import type { ToolHandler, UsageProbe } from "../../../processors/index.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const STEPS = 12;
const SHARE = 0.1;
/** A machine that others fill: nothing of it is left, and everybody waits for the processor. */
const FULL: UsageProbe = {
  read: () =>
    Promise.resolve({
      windowMs: 1_000,
      usage: { cpu: 1, memory: 0.2, network: 0, storage: 0 },
      pressure: { cpu: 0.9, memory: 0, network: 0, storage: 0 },
      bytesPerS: { network: 0, storage: 0 },
      ownCpu: 0.06,
    }),
};

/** How many calls that take a tenth of the processor run at once beside neighbors that want all of it: half of what else. */
const FLOORS: readonly (readonly [Strategy, number])[] = [
  ["conservative", 4],
  ["balanced", 5],
  ["aggressive", 5],
  ["unlimited", STEPS],
];

describe("on a machine whose processor neighbors fill", () => {
  test.for(FLOORS)(
    "%s: %i calls run that take of it, and all others",
    async ([strategy, times], { limited }) => {
      const { tutti, work, gate } = limited({
        tools: {
          cpu: { resources: { cpu: SHARE } },
          nothing: {},
          network: { resources: { network: 0.05 } },
          memory: { resources: { memory: 0.05 } },
        },
      });
      const calls = new Map<string, Turnstile>();
      for (const tool of ["cpu", "nothing", "network", "memory"]) calls.set(tool, new Turnstile());
      const handlers = Object.fromEntries(
        [...calls].map(([tool, turnstile]): [string, ToolHandler] => [
          tool,
          (_input, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
        ]),
      );
      await work(handlers, { strategy, machine: "m" });
      await gate.configure({ machines: { m: { background: { cpu: 1_000_000 } } } });
      for (const tool of calls.keys()) {
        const steps = Array.from({ length: STEPS }, (_, n) => ({ id: `s${n}`, tool }));
        await tutti.submit(workflow(steps), { runId: tool });
      }
      for (const [tool, turnstile] of calls) await turnstile.holds(tool === "cpu" ? times : STEPS);
      if (times < STEPS)
        await eventually(async () => {
          const { machines } = await gate.explain("cpu");
          expect(machines["m"]).toMatchObject([{ kind: "resource", resource: "cpu" }]);
        });
      expect(calls.get("cpu")!.came).toHaveLength(times);
      for (const turnstile of calls.values()) turnstile.open();
      for (const runId of calls.keys())
        expect((await tutti.result(runId, { timeoutMs: 30_000 })).state).toBe("completed");
    },
  );

  test("a learner that sees it keeps none from an unlimited machine", async ({ limited }) => {
    const { tutti, work, gate } = limited({ tools: { call: { resources: { cpu: SHARE } } } });
    const turnstile = new Turnstile();
    await work(
      { call: (_input, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null) },
      { strategy: "unlimited", machine: "m", learning: true, usage: FULL },
    );
    await eventually(async () => {
      const { machines } = await gate.show();
      expect(machines.get("m")?.background["cpu"]).toBeGreaterThan(500_000);
    });
    const steps = Array.from({ length: STEPS }, (_, n) => ({ id: `s${n}`, tool: "call" }));
    const { runId } = await tutti.submit(workflow(steps));
    await turnstile.holds(STEPS);
    turnstile.open();
    expect((await tutti.result(runId, { timeoutMs: 30_000 })).state).toBe("completed");
  });
});
