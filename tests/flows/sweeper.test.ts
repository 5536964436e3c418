import { describe, expect } from "vitest";

import { sweep } from "../../processors/index.ts";
import { compile } from "../../src/workflow/compile.ts";
import type { Plan } from "../../src/workflow/plan.ts";
import { eventually } from "../support/eventually.ts";
import { test, type Orchestra } from "../support/orchestra.ts";
import { workflow } from "../support/workflows.ts";

const IDENTITY = { tenant: "default", actor: "test", correlationId: "c" };

/** Writes the record of a run and dies. */
async function recordOnly({ parts }: Orchestra, plan: Plan, runId: string) {
  const run = {
    runId,
    ...IDENTITY,
    definition: plan.definition,
    definitionHash: plan.workflow.hash,
    input: "{}",
    inputHash: "x",
    priority: 5,
    timeoutMs: plan.definition.timeoutMs,
  };
  await parts.runs.create(run, parts.maxRunning);
  const { definition, layout } = plan;
  return compile(
    { definition, layout, hash: plan.workflow.hash },
    {
      address: { workflowId: plan.workflow.id, runId, epoch: 0 },
      identity: IDENTITY,
      priority: 1,
    },
  );
}

const wide = (count: number) =>
  workflow([
    ...Array.from({ length: count }, (_, n) => ({ id: `s${n}` })),
    { id: "end", needs: Array.from({ length: count }, (_, n) => `s${n}`) },
  ]);

describe("the sweeper", () => {
  test("adds the jobs of a run whose submitter died before it could", async ({ orchestra }) => {
    const { tutti, work, parts } = orchestra;
    await recordOnly(orchestra, tutti.prepare(wide(3)), "r");
    // Somebody may still be at it.
    expect(await sweep(parts)).toEqual({ enqueued: [], ended: [] });
    expect(await sweep(parts, 0)).toEqual({ enqueued: ["r"], ended: [] });
    expect(await sweep(parts, 0)).toEqual({ enqueued: [], ended: [] });
    await work({ probe: () => 1 });
    expect((await tutti.result("r")).state).toBe("completed");
  });

  test(
    "goes on with a large tree of which a part was added",
    { timeout: 60_000 },
    async ({ orchestra }) => {
      const { tutti, work, parts } = orchestra;
      const tree = await recordOnly(orchestra, tutti.prepare(wide(1_500)), "r");
      const died = parts.flows.add(tree, () => Promise.reject(new Error("died")));
      await expect(died).rejects.toThrow("died");
      await work({ probe: () => 1 });
      expect((await sweep(parts, 0)).enqueued).toEqual(["r"]);
      expect((await tutti.result("r", { timeoutMs: 30_000 })).state).toBe("completed");
    },
  );

  test(
    "releases the rest of a large tree whose submitter died between two releases",
    { timeout: 60_000 },
    async ({ orchestra }) => {
      const { tutti, work, parts } = orchestra;
      const tree = await recordOnly(orchestra, tutti.prepare(wide(1_500)), "r");
      const died = parts.flows.add(tree, async () => {
        await parts.runs.note("r", "added", "1");
        await parts.flows.promote([{ queue: "probe", jobId: "wf.r.0.s7" }]);
        throw new Error("died");
      });
      await expect(died).rejects.toThrow("died");
      await work({ probe: () => 1 });
      await eventually(async () => expect((await tutti.get("r")).state).toBe("running"));
      expect((await sweep(parts, 0)).enqueued).toEqual(["r"]);
      expect((await tutti.result("r", { timeoutMs: 30_000 })).state).toBe("completed");
    },
  );

  test("ends a run whose canceller died", async ({ orchestra: { tutti, parts } }) => {
    const { runId } = await tutti.submit(wide(2));
    await parts.runs.cancel(runId, { kind: "timeout", reason: "late" });
    expect(await sweep(parts, 0)).toEqual({ enqueued: [], ended: [runId] });
    expect((await tutti.get(runId)).state).toBe("timed_out");
  });
});
