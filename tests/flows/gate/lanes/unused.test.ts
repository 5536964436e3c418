import { describe, expect } from "vitest";

import { dropLanes, sweep } from "../../../../processors/index.ts";
import { laneOf } from "../../../../queues/names.ts";
import { forgetRun } from "../../../../queues/worker.ts";
import { workflow } from "../../../support/drawn/workflows.ts";
import { KEY, LOOKED_FOR_MS, WAIT, byStep, steps, traces } from "../../../support/gate/by-key.ts";
import { test } from "../../../support/gate/limited.ts";
import { eventually, promptly } from "../../../support/waiting/eventually.ts";

test("a lane that was forgotten although it holds jobs is found by the sweeper", async ({
  limited,
  orchestra: { parts, queues },
  redis,
  prefix,
}) => {
  const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
  const { runId } = await tutti.submit(steps(2, KEY), { input: { account: "a" } });
  await redis.del(`${prefix}.lanes`);
  await work({ ask: () => null });
  // The run has to be at work: nothing of one that is queued is looked for.
  await redis.hset(`${prefix}.run:${runId}`, "state", "running");
  await sweep(parts, 0);
  expect(await queues.lanes.all()).toEqual([laneOf("ask", "a")]);
  await promptly(
    async () => expect((await tutti.get(runId)).state).toBe("completed"),
    LOOKED_FOR_MS,
  );
});

describe("a lane that nobody uses", () => {
  test("is dropped with its workers, and leaves nothing when its runs are forgotten", async ({
    limited,
    orchestra: { parts, queues },
    redis,
    prefix,
  }) => {
    const { tutti, work } = limited({
      tools: { ask: byStep({ concurrency: 1, rate: { max: 5, durationMs: 100 } }) },
    });
    await work({ ask: () => null }, { machine: "a" });
    await work({ ask: () => null }, { machine: "b" });
    const runs: string[] = [];
    for (let n = 0; n < 20; n++) {
      const input = { account: `account ${n}` };
      runs.push((await tutti.submit(steps(2, KEY), { input })).runId);
    }
    for (const runId of runs) expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    const lane = laneOf("ask", "account 0");
    expect(await queues.lanes.all()).toHaveLength(20);
    expect(await queues.get(lane).getWorkersCount()).toBe(2);
    // The root job of the last run may end after the run does, and those of the steps before it.
    await eventually(async () => {
      await dropLanes(parts, queues, 0);
      expect(await queues.lanes.all()).toEqual([]);
    });
    await eventually(async () => expect(await queues.get(lane).getWorkersCount()).toBe(0));
    for (const runId of runs)
      await eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));
    await eventually(async () => {
      await dropLanes(parts, queues, 0);
      expect(await traces(redis, prefix)).toEqual([]);
    });
  });

  test("is not dropped while it holds a job, and comes back with the next", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }), first: {} } });
    const document = workflow([
      { id: "first", tool: "first" },
      { id: "s0", tool: "ask", needs: ["first"], ...KEY },
    ]);
    const waits = await tutti.submit(document, { input: { account: "a" } });
    expect(await queues.lanes.dropIdle(0)).toEqual([]);
    await work({ ask: () => null, first: () => null });
    expect((await tutti.result(waits.runId, WAIT)).state).toBe("completed");
    const lane = laneOf("ask", "a");
    await eventually(async () => expect(await queues.lanes.dropIdle(0)).toEqual([lane]));
    await eventually(async () => expect(await queues.get(lane).getWorkersCount()).toBe(0));
    const next = await tutti.submit(document, { input: { account: "a" } });
    await promptly(
      async () => expect((await tutti.get(next.runId)).state).toBe("completed"),
      LOOKED_FOR_MS,
    );
    expect(await queues.lanes.dropIdle(60_000)).toEqual([]);
  });

  test(
    "loses no job that comes while it is dropped",
    { timeout: 120_000 },
    async ({ limited, orchestra: { queues } }) => {
      const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 2 }) } });
      await work({ ask: () => null }, { machine: "a" });
      await work({ ask: () => null }, { machine: "b" });
      const seen = { dropped: 0 };
      const lines = { open: 4 };
      const dropping = (async () => {
        while (lines.open > 0) seen.dropped += (await queues.lanes.dropIdle(0)).length;
      })();
      const submitting = Array.from({ length: lines.open }, async (_, line) => {
        // As long as it takes until many were dropped.
        for (let n = 0; n < 25 || seen.dropped <= 20; n++) {
          const input = { account: `${(line + n) % 3}` };
          const { runId } = await tutti.submit(
            workflow([{ id: "each", tool: "ask", forEach: "[1, 2, 3]", maxParallel: 1, ...KEY }]),
            { input },
          );
          // Sooner than anybody would look again for what was missed.
          await promptly(
            async () => expect((await tutti.get(runId)).state).toBe("completed"),
            LOOKED_FOR_MS,
          );
        }
      });
      await Promise.all(submitting).finally(() => (lines.open = 0));
      await dropping;
      expect(seen.dropped).toBeGreaterThan(20);
    },
  );
});
