import { describe, expect } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { subRunId } from "../../../queues/index.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 30_000 };
const PRIORITIES = [3, 5, 4, 10, 8];
const chain = (length: number, tools: readonly string[] = ["solo"]): object =>
  workflow(
    Array.from({ length }, (_, n) => ({
      id: `s${n}`,
      tool: tools[n % tools.length],
      ...(n === 0 ? {} : { needs: [`s${n - 1}`] }),
    })),
  );
const list = (count: number): string =>
  `\${{ [${Array.from({ length: count }, (_, n) => n).join()}] }}`;

/** What runs look like, and how many calls each makes. */
const SHAPES: Readonly<Record<string, readonly [object, number]>> = {
  "of one step": [chain(1), 1],
  "of three steps": [chain(3), 3],
  "of items": [workflow([{ id: "each", tool: "solo", forEach: list(4), maxParallel: 2 }]), 4],
  "of two tools that share a budget": [
    workflow(["left", "right", "left", "right"].map((tool, n) => ({ id: `s${n}`, tool }))),
    4,
  ],
  "that work for other runs": [workflow([{ id: "inner", workflow: "inner" }]), 2],
};

/** The priority of a run, or of the one that it works for; NaN for those that are held. */
function nameOf(runId: string): number {
  return (
    PRIORITIES.find((priority) => {
      const address = { workflowId: "wf", runId: `p${priority}`, epoch: 0 };
      return runId === address.runId || runId === subRunId(address, "inner");
    }) ?? Number.NaN
  );
}

describe("of a tenant's runs the most urgent is called first, whatever calls last:", () => {
  test.for(Object.entries(SHAPES))(
    "runs %s",
    async ([, [shape, calls]], { limited, redis, prefix }) => {
      const { tutti, work } = limited({
        budgets: { seat: { slots: 1 } },
        tools: {
          solo: { limits: { concurrency: 1 } },
          left: { budgets: { seat: 1 } },
          right: { budgets: { seat: 1 } },
        },
      });
      await tutti.workflows.add({ ...chain(2), id: "inner" });
      const turnstile = new Turnstile();
      const log: number[] = [];
      const call: ToolHandler = async (_input, { runId, signal }) => {
        if (runId.startsWith("held")) await turnstile.pass(runId, signal);
        else log.push(nameOf(runId));
        return null;
      };
      await work({ solo: call, left: call, right: call });
      await tutti.submit(chain(1), { runId: "held1" });
      await tutti.submit(chain(1, ["left"]), { runId: "held2" });
      await turnstile.holds(2);
      for (const priority of PRIORITIES)
        await tutti.submit(shape, { runId: `p${priority}`, priority });
      // All of them stand behind the calls that are held.
      await eventually(async () => {
        const queues = await redis.keys(`${prefix}:*:prioritized`);
        const jobs = (
          await Promise.all(queues.map((queue) => redis.zrange(queue, "0", "-1")))
        ).flat();
        for (const priority of PRIORITIES)
          expect(jobs.some((job) => nameOf(job.split(".")[1]!) === priority)).toBe(true);
      });
      turnstile.open();
      for (const priority of PRIORITIES)
        expect((await tutti.result(`p${priority}`, WAIT)).state).toBe("completed");
      const sorted = PRIORITIES.toSorted((a, b) => b - a);
      expect(log).toEqual(
        sorted.flatMap((priority) => Array.from({ length: calls }, () => priority)),
      );
    },
  );
});
