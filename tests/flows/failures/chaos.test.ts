import { describe, expect, inject } from "vitest";

import { storm } from "../../support/chaos/storm.ts";
import { test } from "../../support/runner/redis.ts";

const SEED = 77;

describe.runIf(inject("canEmbed"))("whatever dies", () => {
  test(
    `a few random workflows while workers, the API, Redis and its connections die (seed ${SEED})`,
    { timeout: 300_000 },
    async ({ redisUrl, prefix }) => {
      const report = await storm(redisUrl, prefix, {
        seed: SEED,
        workflows: 8,
        workers: 1,
        keeps: "always",
        stormMs: 7_000,
        everyMs: { worker: 3_000, api: 5_000, redis: 3_000, fault: 200 },
      });
      expect(report).toMatchObject({ lost: [], doubles: [], disallowed: [], accidents: [] });
      expect(report.kills.redis).toBeGreaterThan(0);
      expect(report.calls).toBeGreaterThan(0);
    },
  );
});
