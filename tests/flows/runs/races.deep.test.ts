import { expect } from "vitest";

import { unpauseRun } from "../../../queues/client.ts";
import { pauseRun } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

const COUNT = 500;

/**
 * Each run waits for an approval, for an event and for the end of a pause, and each of the three is
 * given at a moment that has nothing to do with the run's own: before it waits, while it parks, after.
 */
test(`${COUNT} approvals, events and pauses race their own parking: none is lost`, async ({
  orchestra: { tutti, work, parts },
}) => {
  await work({ probe: () => 1 }, { maxRunning: COUNT });
  await work({ probe: () => 1 }, { maxRunning: COUNT });
  const plan = tutti.prepare(
    workflow([
      { id: "a" },
      { id: "ask", needs: ["a"], approval: "Shall I?" },
      { id: "hear", needs: ["a"], event: "go" },
      { id: "b", needs: ["ask", "hear"] },
    ]),
  );
  const wide = { ...parts, maxRunning: COUNT };
  const decide = async (runId: string, index: number): Promise<void> => {
    const approve = () =>
      parts.waits.decide(runId, "ask", { kind: "approved", by: "me", atMs: 0, data: index });
    const steps = [
      () => tutti.approve(runId, "ask", { by: "me", data: index }),
      () => tutti.signal(runId, "go", index),
      async () => {
        await pauseRun(wide, runId, "me");
        await unpauseRun(wide, runId);
      },
    ];
    // Every order once in six; the moments are whatever the event loop makes of 500 at a time.
    const order = [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ][index % 6]!;
    for (const which of order) await steps[which]!();
    // Deciding again changes nothing.
    expect((await approve()).status).not.toBe("kept");
  };
  const ids = Array.from({ length: COUNT }, (_, index) => `r${index}`);
  await Promise.all(
    ids.map(async (runId, index) => {
      await tutti.submit(plan, { runId });
      await decide(runId, index);
    }),
  );
  for (const [index, runId] of ids.entries()) {
    const run = await tutti.result(runId, { timeoutMs: 60_000 });
    expect(run, runId).toMatchObject({
      state: "completed",
      steps: { ask: { output: { approved: true, data: index } }, hear: { output: index } },
    });
  }
});
