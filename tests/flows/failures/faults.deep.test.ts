import { describe, expect, inject, test } from "vitest";

import { DURABILITY_PROFILES } from "../../../config/index.ts";
import { FAULTS, through } from "../../support/chaos/faults.ts";

/** Everything goes on within this time after a fault. Milliseconds. */
const RECOVERED_MS = 10_000;
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
    const forgetsMs = profile === "strict" ? 0 : (fault.forgetsMs ?? 0);
    expect(report.windowMs).toBeLessThanOrEqual(forgetsMs);
    if (forgetsMs === 0) expect(report).toMatchObject({ lost: 0, doubles: 0 });
  });
});
