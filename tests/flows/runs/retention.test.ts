import type { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { removeExpired, type RepairParts } from "../../../processors/index.ts";
import { DutyStates, Keys } from "../../../queues/index.ts";
import { forgetRun } from "../../../queues/worker.ts";
import { startServer } from "../../../src/server/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { commandsOf, copyEnded } from "../../support/stories/open-runs.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** Forgets a run that has ended, as soon as that can be: its root job ends a moment after it. */
const forgotten = (parts: RepairParts, runId: string): Promise<void> =>
  eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));

/** Keys of runs and jobs; those that a queue keeps for itself do not count. */
async function leftovers(redis: Redis, prefix: string): Promise<string[]> {
  const keys = await redis.keys(`${prefix}*`);
  return keys
    .filter(
      (key) =>
        !/:(meta(:gated)?|events|stalled-check|marker|id)$|\.tenants$|\.duties$|\.duty:|\.sent:|tutti\.(duty|schedule|trigger):|\.workers$|\.worker-info$|\.samples(\.\w+)?$|\.optimizer(\.\w+)?$|\.admissions$|\.gate$|\.fair$|\.payloads$|\.gate\.(tools|budgets|layers:\w+|machines?(:.*)?|processe?s(-info)?|process-info|busy:.*|marks:.*|service|outcomes|blocked|failures:.*|samples|learned|usage|counted|audit)$/.test(
          key,
        ),
    )
    .toSorted();
}

describe("a run that is forgotten", () => {
  test("leaves nothing: record, values, items, jobs, definition", async ({
    orchestra: { tutti, work, parts },
    redis,
    prefix,
  }) => {
    await work({ probe: ({ text }) => text ?? null });
    const document = workflow(
      [
        { id: "a", with: { text: "${{ input.text }}" } },
        { id: "b", needs: ["a"] },
        { id: "c", needs: ["a"], with: { text: "${{ steps.a.output }}" } },
        { id: "d", needs: ["b", "c"] },
        { id: "e", forEach: "[1, 2, 3]", maxParallel: 1, with: { text: "${{ input.text }}" } },
      ],
      { output: "${{ steps.a.output }}" },
    );
    for (const runId of ["run-1", "run-2"])
      await tutti.submit(document, { runId, input: { text: "x".repeat(300_000) } });
    for (const runId of ["run-1", "run-2"])
      expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    await forgotten(parts, "run-1");
    // The other run still needs the definition.
    const left = await leftovers(redis, prefix);
    expect(left.filter((key) => key.includes("run-1"))).toEqual([]);
    expect(left.filter((key) => key.includes(".def:"))).toHaveLength(1);
    await expect(tutti.get("run-1")).rejects.toMatchObject({ code: "run_not_found" });
    expect((await tutti.get("run-2")).state).toBe("completed");
    await forgotten(parts, "run-2");
    expect(await leftovers(redis, prefix)).toEqual([]);
    expect(await forgetRun(parts, "run-2")).toBe(false);
  });

  test.for([
    [
      "a chain",
      Array.from({ length: 1_100 }, (_, n) => ({
        id: `s${n}`,
        needs: n === 0 ? [] : [`s${n - 1}`],
      })),
    ],
    [
      "a fan",
      [
        ...Array.from({ length: 1_100 }, (_, n) => ({ id: `s${n}`, needs: ["first"] })),
        { id: "first" },
      ],
    ],
  ] as [string, object[]][])(
    "leaves nothing of a large tree either: %s",
    { timeout: 60_000 },
    async ([, steps], { orchestra: { tutti, work, parts }, redis, prefix }) => {
      await work({ probe: () => 1 });
      const { runId } = await tutti.submit(workflow(steps));
      expect((await tutti.result(runId, { timeoutMs: 40_000 })).state).toBe("completed");
      await forgotten(parts, runId);
      expect(await leftovers(redis, prefix)).toEqual([]);
    },
  );

  test("leaves nothing when it was cancelled or failed", async ({
    orchestra: { tutti, work, parts },
    redis,
    prefix,
  }) => {
    await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]), { runId: "cancelled" });
    await tutti.cancel("cancelled");
    await work({
      probe: () => {
        throw new Error("no");
      },
    });
    await tutti.submit(
      workflow([
        { id: "a", retry: { maxAttempts: 1 } },
        { id: "b", needs: ["a"] },
      ]),
      { runId: "failed" },
    );
    expect((await tutti.result("failed")).state).toBe("failed");
    for (const runId of ["cancelled", "failed"]) await forgotten(parts, runId);
    expect(await leftovers(redis, prefix)).toEqual([]);
  });

  test("leaves nothing of what undid it, and of items it does not have any more", async ({
    orchestra: { tutti, work, parts },
    redis,
    prefix,
  }) => {
    let broken = true;
    const large = "x".repeat(300_000);
    await work({
      one: () => large,
      two: () => large,
      probe: () => {
        if (broken) throw new Error("broken");
        return Promise.resolve(1);
      },
    });
    const { runId } = await tutti.submit(
      workflow(
        [
          {
            id: "e",
            tool: "one",
            forEach: "input.list",
            compensate: { tool: "two", with: {} },
          },
          { id: "bad", needs: ["e"], retry: { maxAttempts: 1 } },
        ],
        { onError: "recovery" },
      ),
      { input: { list: [1, 2, 3] } },
    );
    const first = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(first.compensation).toHaveLength(3);
    broken = false;
    await tutti.resume(runId, { input: { list: [1] } });
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    await forgotten(parts, runId);
    expect(await leftovers(redis, prefix)).toEqual([]);
  });

  test("is not an open one", async ({ orchestra: { tutti, parts } }) => {
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    expect(await forgetRun(parts, runId)).toBe(false);
    expect((await tutti.get(runId)).state).toBe("queued");
  });
});

describe("retention", () => {
  test("keeps so many runs of a tenant, and failed ones longer", async ({
    orchestra: { tutti, work, parts },
  }) => {
    await work({
      probe: ({ fail }) => {
        if (fail === true) throw new Error("no");
        return 1;
      },
    });
    const submit = async (runId: string, tenant: string, fail: boolean) => {
      await tutti.submit(workflow([{ id: "a", with: { fail }, retry: { maxAttempts: 1 } }]), {
        runId,
        tenant,
      });
      await tutti.result(runId);
    };
    for (const n of [1, 2, 3]) await submit(`a${n}`, "a", false);
    await submit("b1", "b", false);
    await submit("bad", "a", true);
    const forever = { runs: 2, ms: 60_000, failedMs: 60_000 };
    expect(await removeExpired(parts, forever)).toEqual({ removed: 1 });
    const ids = async () => (await tutti.list()).map((run) => run.runId).toSorted();
    expect(await ids()).toEqual(["a2", "a3", "b1", "bad"]);
    expect(await removeExpired(parts, { ...forever, ms: -1 })).toEqual({ removed: 3 });
    expect(await ids()).toEqual(["bad"]);
    expect(await removeExpired(parts, { ...forever, failedMs: -1 })).toEqual({ removed: 1 });
    expect(await removeExpired(parts, forever)).toEqual({ removed: 0 });
  });

  test("costs few commands a run, ends when it is told to, and says how far it is behind", async ({
    orchestra: { tutti, work, parts },
    redis,
    prefix,
  }) => {
    await work({ probe: () => 1 });
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]), {
      runId: "ended",
    });
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    await copyEnded(redis, prefix, runId, { count: 1_500, name: "copy" });
    const keep = { runs: 1, ms: 60_000, failedMs: 60_000 };
    expect(await removeExpired(parts, keep, AbortSignal.abort())).toEqual({
      removed: 0,
      behind: 1_500,
    });
    let report = { removed: 0, behind: 0 };
    const commands = await commandsOf(redis, async () => {
      report = { behind: 0, ...(await removeExpired(parts, keep)) };
    });
    expect(report.removed + report.behind).toBe(1_500);
    // More than a pass of a minute once removed, also where little can be done in a pass.
    expect(report.removed).toBeGreaterThan(500);
    expect(commands).toBeLessThan(4 * report.removed + 100);
    await eventually(async () => {
      await removeExpired(parts, keep);
      expect(await tutti.list({ limit: 10 })).toHaveLength(1);
    });
    expect((await redis.keys(`${prefix}*copy*`)).length).toBe(0);
  });

  test("what it is behind is told by /ready", async ({ orchestra: { tutti }, redis, prefix }) => {
    const states = new DutyStates(redis, new Keys(prefix));
    await states.note({
      name: "retention",
      everyMs: 10_000,
      beganAtMs: Date.now(),
      tookMs: 8_000,
      error: null,
      failures: [],
      behind: 12,
    });
    const { registry } = tutti;
    const config = { host: "127.0.0.1", port: 0 };
    const server = await startServer({ tutti, registry, config });
    const ready = (await (await fetch(`${server.url}/ready`)).json()) as { warnings: string[] };
    await server.close();
    expect(ready.warnings).toEqual(["the duty retention is behind: 12 are due and not done"]);
  });
});
