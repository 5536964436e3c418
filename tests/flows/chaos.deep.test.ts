import { expect, inject } from "vitest";

import { storm } from "../support/chaos/storm.ts";
import { test } from "../support/redis.ts";
import { SEED } from "../support/seed.ts";

test.runIf(inject("canEmbed"))(
  `60 random workflows while workers, the API, Redis and its connections die (seed ${SEED})`,
  async ({ redisUrl, prefix }) => {
    const report = await storm(redisUrl, prefix, {
      seed: SEED,
      workflows: 60,
      workers: 3,
      keeps: "always",
      stormMs: Number(process.env["STORM_MS"] ?? 75_000),
      everyMs: { worker: 3_000, api: 8_000, redis: 12_000, fault: 250 },
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report).toMatchObject({
      runs: 60,
      lost: [],
      doubles: [],
      disallowed: [],
      accidents: [],
    });
  },
);
