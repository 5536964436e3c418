import { describe, expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { crash } from "../../support/fleets/crash.ts";
import { crashFleet } from "../../support/fleets/fleet.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const SEED = 41_007;

describe("whatever worker dies, and whenever", () => {
  test(
    `every run ends, nothing ends twice, effects are as many as promised (seed ${SEED})`,
    { timeout: 400_000 },
    async ({ orchestra }) => {
      const report = await crash(orchestra, {
        seed: SEED,
        dags: 5,
        steps: 14,
        processes: 2,
        deaths: 0.02,
        killEveryMs: 1_500,
      });
      expect(report.runs).toBe(5);
      // Calls kill their worker by chance, in some runs none does; workers are killed from outside in any case.
      expect(report.deaths + report.kills).toBeGreaterThan(0);
    },
  );

  test(
    "a step that kills its worker every time ends as worker_lost, and so does its run",
    { timeout: 120_000 },
    async ({ orchestra: { tutti, redisUrl, prefix }, redis }) => {
      await using fleet = crashFleet(2, redisUrl, prefix, 0);
      const { runId } = await tutti.submit(
        workflow([{ id: "bad", tool: "one" }, { id: "behind", needs: ["bad"] }, { id: "beside" }]),
      );
      const run = await tutti.result(runId, { timeoutMs: 90_000 });
      expect(run).toMatchObject({
        state: "partial",
        steps: {
          bad: { state: "failed", error: { code: "worker_lost" } },
          behind: { state: "skipped" },
          beside: { state: "completed" },
        },
      });
      // One that was taken for dead because it stood still dies a little later.
      await eventually(async () => expect(await redis.llen(`${prefix}.test:deaths`)).toBe(3));
      await eventually(() => expect(fleet.deaths).toBe(3));
    },
  );

  test(
    "a step whose input kills its worker ends after three of them, also when its tool is called once only",
    { timeout: 120_000 },
    async ({ orchestra: { tutti, redisUrl, prefix }, redis }) => {
      await using fleet = crashFleet(2, redisUrl, prefix, 0);
      const input = { key: "${{ secrets.KEY }}" };
      const { runId } = await tutti.submit(
        workflow([
          { id: "again", with: input },
          { id: "once", tool: "effect", with: input },
        ]),
      );
      const { steps } = await tutti.result(runId, { timeoutMs: 110_000 });
      expect(steps).toMatchObject({
        again: { state: "failed", error: { code: "worker_lost" } },
        once: { state: "failed", error: { code: "effect_unknown" } },
      });
      expect(await redis.llen(`${prefix}.test:effects`)).toBe(0);
      expect(fleet.deaths).toBeGreaterThanOrEqual(3);
    },
  );
});
