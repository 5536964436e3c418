import { setTimeout as pause } from "node:timers/promises";

import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import { FIELDS } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

interface Change {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

const steps = (count: number, more: object = {}) =>
  Array.from({ length: count }, (_, index) => ({ id: `s${index}`, ...more }));

describe("mode adaptive", () => {
  const historyOf = async (
    parts: { runs: { fields(runId: string, names: string[]): Promise<(string | null)[]> } },
    runId: string,
  ) => {
    const [aimd] = await parts.runs.fields(runId, ["aimd"]);
    return (JSON.parse(aimd ?? '{"history":[]}') as { history: Change[] }).history;
  };

  test("never has more calls underway than its width, and allows more while all is well", async ({
    orchestra: { tutti, work, parts },
  }) => {
    let underway = 0;
    let most = 0;
    await work({
      probe: async () => {
        most = Math.max(most, ++underway);
        // Long enough that one wave is like the other.
        await pause(20);
        underway--;
        return null;
      },
    });
    const { runId } = await tutti.submit(workflow(steps(60), { mode: "adaptive" }));
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    const history = await historyOf(parts, runId);
    expect(history[0]).toMatchObject({ from: 16 });
    expect(most).toBeLessThanOrEqual(Math.max(16, ...history.map(({ to }) => to)));
    expect(most).toBeGreaterThan(1);
  });

  test("halves its width when a tool gets slower under load", async ({
    orchestra: { tutti, work, parts },
  }) => {
    let calls = 0;
    const beganMs = performance.now();
    // What the quick calls took at most, once all of them are counted.
    let quick: Promise<number> | undefined;
    const counted = (runId: string): Promise<number> =>
      eventually(async () => {
        expect(await historyOf(parts, runId)).not.toHaveLength(0);
        return performance.now() - beganMs;
      });
    await work({
      // The first wave is quick, in the second the tool drowns.
      probe: async (_input, { runId }) => {
        if (++calls > 16 && calls <= 40) {
          quick ??= counted(runId);
          await pause(2 * (await quick));
        }
        return null;
      },
    });
    const { runId } = await tutti.submit(workflow(steps(60), { mode: "adaptive" }));
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
    const fall = (await historyOf(parts, runId)).find(({ from, to }) => to < from);
    expect(fall?.reason).toMatch(/^p95 of probe rose from \d+ to \d+ ms$/);
    expect(fall?.to).toBe(Math.floor((fall?.from ?? 0) / 2));
  });

  test("halves its width when calls fail", async ({ orchestra: { tutti, work, parts } }) => {
    await work({
      probe: () => {
        throw new TuttiError("tool_failed", "no");
      },
    });
    const { runId } = await tutti.submit(workflow(steps(40), { mode: "adaptive" }));
    await tutti.result(runId, { timeoutMs: 20_000 });
    const history = await historyOf(parts, runId);
    expect(history[0]).toMatchObject({ from: 16, to: 8, reason: "16 of 16 calls failed" });
    expect(history.at(-1)?.to).toBeLessThan(5);
  });

  test("counts the items of a forEach too, and ends when it is cancelled with items waiting", async ({
    orchestra: { tutti, work, parts, queues },
  }) => {
    let underway = 0;
    await work({
      probe: async (_input, { signal }) => {
        underway++;
        await new Promise((resolve) => {
          signal.addEventListener("abort", resolve);
        });
        throw signal.reason;
      },
    });
    const each = { id: "each", forEach: `[${Array.from({ length: 40 }).fill(1).join(",")}]` };
    const { runId } = await tutti.submit(
      workflow([{ ...each, with: { n: "${{ item }}" } }], { mode: "adaptive" }),
    );
    await expect.poll(() => queues.get("probe").getDelayedCount()).toBe(24);
    expect(underway).toBe(16);
    const [busy] = await parts.runs.fields(runId, ["busy"]);
    expect(busy).toBe("16");
    expect(await parts.runs.fields(runId, [FIELDS.place("each.0")])).toEqual(["1"]);
    await tutti.cancel(runId);
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("cancelled");
  });
});

test("a step that ended while it waited for a place gets none", async ({
  orchestra: { tutti, parts },
}) => {
  const { runId } = await tutti.submit(
    workflow([{ id: "a" }, { id: "b", group: "g" }, { id: "c" }], {
      mode: "adaptive",
      groups: { g: { onError: "fail_fast" } },
    }),
  );
  await parts.runs.note(runId, "width", "1");
  const { ledger } = parts;
  const step = (stepId: string) => ({ runId, epoch: 0, stepId, start: 1 });
  const options = { once: false, calls: true, fields: [] };
  expect((await ledger.begin(step("a"), options)).status).toBe("go");
  expect((await ledger.begin({ ...step("b"), group: "g" }, options)).status).toBe("full");
  expect((await ledger.begin(step("c"), options)).status).toBe("full");
  // Somebody stops the group: the step is called, finds that, and ends.
  await parts.runs.note(runId, FIELDS.groupAbort("g"), JSON.stringify({ kind: "policy" }));
  expect((await ledger.begin({ ...step("b"), group: "g" }, options)).status).toBe("go");
  await ledger.commit(step("b"), { outcome: "cancelled", attempts: 0 });
  const ended = await ledger.commit(step("a"), { outcome: "completed", attempts: 1 });
  expect(ended).toMatchObject({ status: "ok", granted: ["c"] });
});
