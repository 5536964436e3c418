import { describe, expect, inject } from "vitest";

import { loadCatalogue } from "../../../config/index.ts";
import { lossOf, type Crash } from "../../support/chaos/loss.ts";
import { storm } from "../../support/chaos/storm.ts";
import { test } from "../../support/runner/redis.ts";
import { SEED } from "../../support/runner/seed.ts";
import type { AppendFsync } from "../../support/servers/own-redis.ts";

describe.runIf(inject("canEmbed"))("whatever dies", () => {
  test(`60 random workflows while workers, the API, Redis and its connections die (seed ${SEED})`, async ({
    redisUrl,
    prefix,
  }) => {
    const report = await storm(redisUrl, prefix, {
      seed: SEED,
      workflows: 60,
      workers: 3,
      keeps: "always",
      stormMs: 75_000,
      everyMs: { worker: 3_000, api: 8_000, redis: 12_000, fault: 250 },
    });
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report.recovery.n).toBeGreaterThan(0);
    expect(report).toMatchObject({
      runs: 60,
      lost: [],
      doubles: [],
      disallowed: [],
      accidents: [],
    });
  });
});

describe.runIf(inject("canEmbed"))("what was acknowledged when Redis dies", () => {
  const document = { tutti: 1, id: "wf", steps: [{ id: "a", tool: "core.echo", with: { n: 1 } }] };
  /** Redis promises a second, and two when the disk is slow. Milliseconds. */
  const WINDOW_MS = 2_000;

  test.for<[AppendFsync, Crash, number]>([
    ["always", "process", 0],
    ["everysec", "process", 0],
    ["everysec", "machine", WINDOW_MS],
  ])("%s, %s: lost are at most the last %i ms", async ([keeps, crash, mostMs]) => {
    const options = { forMs: 3_000, registry: loadCatalogue(), document };
    const report = await lossOf(keeps, crash, options);
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report.acknowledged).toBeGreaterThan(50);
    expect(report.windowMs).toBeLessThanOrEqual(mostMs);
    // Cutting off a second that was full of runs takes some of them, or nothing was cut.
    expect(report.lost > 0).toBe(mostMs > 0);
  });
});
