import { readdirSync, readFileSync } from "node:fs";

import { expect } from "vitest";

import { hasEnded } from "../../../queues/client.ts";
import { isOpen } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { CommandFleet } from "../../support/fleets/command-fleet.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const RUNS = 100;

/** Processes of this machine whose command line holds a word. */
function processesWith(word: string): number {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(word);
    } catch {
      return false;
    }
  }).length;
}

test(`${RUNS} running workflows on 3 worker processes are cancelled: nothing is pending after 2 s, and the commands are dead`, async ({
  orchestra: { redisUrl, prefix },
}) => {
  const mark = `31536${Math.floor(Math.random() * 1_000_000)}`;
  await using fleet = await CommandFleet.start(3, redisUrl, prefix, RUNS);
  const { tutti } = fleet;
  const plan = tutti.prepare({
    tutti: 1,
    id: "sleepers",
    steps: [
      // A shell with a child: the child has to die too.
      { id: "a", tool: "test.sleep", with: { seconds: mark } },
      { id: "b", tool: "test.sleep", with: { seconds: mark }, needs: ["a"] },
      { id: "c", tool: "core.sleep", with: { ms: 600_000 } },
    ],
  });
  const ids = Array.from({ length: RUNS }, (_, index) => `r${index}`);
  await Promise.all(ids.map((runId) => tutti.submit(plan, { runId })));
  // As many commands run as the three processes take at once; the others wait in the queue.
  await eventually(() => expect(processesWith(mark)).toBeGreaterThanOrEqual(24), {
    timeoutMs: 30_000,
  });
  const asked = performance.now();
  await Promise.all(ids.map((runId) => tutti.cancel(runId)));
  await eventually(
    async () => {
      const views = await Promise.all(ids.map((runId) => tutti.get(runId)));
      expect(views.filter(({ state }) => isOpen(state))).toEqual([]);
      expect(processesWith(mark)).toBe(0);
    },
    { timeoutMs: 30_000 },
  );
  const tookMs = Math.round(performance.now() - asked);
  process.stdout.write(`${JSON.stringify({ runs: RUNS, tookMs })}\n`);
  for (const runId of ids) {
    const { state, steps } = await tutti.get(runId);
    expect(state).toBe("cancelled");
    expect(Object.values(steps).filter((step) => !hasEnded(step.state))).toEqual([]);
  }
  // The bar of the issue this test is about.
  expect(tookMs).toBeLessThan(2_000);
  for (const queue of tutti.queues) {
    const { waiting, prioritized, active, delayed } = await queue.getJobCounts();
    if (!queue.name.startsWith("tutti.duty") && !queue.name.startsWith("tutti.schedule"))
      expect({ queue: queue.name, waiting, prioritized, active, delayed }).toEqual({
        queue: queue.name,
        waiting: 0,
        prioritized: 0,
        active: 0,
        delayed: 0,
      });
  }
});
