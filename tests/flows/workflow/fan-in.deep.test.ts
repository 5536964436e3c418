import { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { crashFleet } from "../../support/fleets/fleet.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** Kills of one run: always when it is about to join. */
const KILLS = 6;

describe("a join whose workers are killed", () => {
  test.for([1, 2, 1_000, 10_000])(
    "of %i branches runs once, after all of them",
    { timeout: 280_000 },
    async (branches, { orchestra: { tutti, redisUrl, prefix } }) => {
      const ids = Array.from({ length: branches }, (_, index) => `s${index}`);
      const { runId } = await tutti.submit(
        workflow([...ids.map((id) => ({ id })), { id: "join", tool: "effect", needs: ids }], {
          timeoutMs: 270_000,
        }),
      );
      const redis = new Redis(redisUrl);
      const ended = async (): Promise<number> => redis.llen(`${prefix}.test:effects`);
      await using fleet = crashFleet(2, redisUrl, prefix, 0);
      // From the last twentieth on: the branches end, the fork releases, the join begins.
      await eventually(
        async () => expect(await ended()).toBeGreaterThanOrEqual(Math.floor(branches * 0.95)),
        { timeoutMs: 200_000 },
      );
      let seed = branches;
      const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
      for (let kill = 0; kill < KILLS; kill++) {
        fleet.kill(random);
        await new Promise((resolve) => setTimeout(resolve, 50 + random() * 300));
      }
      const run = await tutti.result(runId, { timeoutMs: 120_000 });
      const effects = await redis.lrange(`${prefix}.test:effects`, 0, -1);
      redis.disconnect();
      const { join, ...rest } = run.steps;
      expect(Object.values(rest).every(({ state }) => state === "completed")).toBe(true);
      // It is not idempotent: killed while it was called, it is not called again, and says so.
      expect(["completed", "failed"]).toContain(join?.state);
      if (join?.state === "failed") expect(join.error?.code).toBe("effect_unknown");
      expect(effects.filter((effect) => effect.endsWith(" join")).length).toBeLessThanOrEqual(1);
      const last = Object.values(rest).map(({ finishedAt }) => finishedAt!);
      expect(last.every((at) => at <= join!.startedAt!)).toBe(true);
      expect(fleet.kills).toBe(KILLS);
    },
  );
});
