import { describe, expect, inject, test } from "vitest";

import { DURABILITY_PROFILES } from "../../../config/index.ts";
import { FAULTS, through } from "../../support/chaos/faults.ts";

/** Everything goes on within this time after a fault. Milliseconds. */
const RECOVERED_MS = 10_000;
/** What `everysec` may take of what was acknowledged, and an asynchronous replica beside it. Milliseconds. */
const WINDOW_MS = 2_000;
/** How far the replica lags in the fault that is about that. Milliseconds. */
const LAG_MS = 3_000;

describe.runIf(inject("canEmbed"))("20 runs a second, two workers and a server", () => {
  const cases = DURABILITY_PROFILES.flatMap((profile) =>
    FAULTS.map((fault) => ({ profile, fault })),
  );

  test.for(cases)("$profile: $fault.name", { timeout: 900_000 }, async ({ profile, fault }) => {
    const report = await through(fault, profile);
    process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report.acknowledged).toBeGreaterThan(100);
    expect(report).toMatchObject({ open: [], accidents: [] });
    expect(report.firstEndMs).toBeLessThan(RECOVERED_MS);
    if (profile === "strict") {
      expect(report).toMatchObject({ lost: 0, doubles: 0 });
      return;
    }
    const lagMs = fault.name.includes("lags") ? LAG_MS : 0;
    expect(report.windowMs).toBeLessThanOrEqual(WINDOW_MS + lagMs);
    // Only what a server forgot can be done twice.
    if (!/killed|failover/.test(fault.name)) expect(report).toMatchObject({ lost: 0, doubles: 0 });
  });
});
