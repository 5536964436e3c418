import { expect } from "vitest";

import { explore, tally } from "../../model/random/explore.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { SEED } from "../../support/runner/seed.ts";

/** The slow tier has a thousand. */
const RUNS = 50;
const AT_ONCE = 16;

test(`${RUNS} random workflows end as docs/semantics.md says (seed ${SEED})`, async ({
  orchestra,
}) => {
  const performed = await explore(orchestra, { seed: SEED, runs: RUNS, atOnce: AT_ONCE });
  expect(performed).toHaveLength(RUNS);
  // A generator that makes nothing but easy workflows shows nothing.
  const { outcomes, states, exact, unnoticed } = tally(performed);
  for (const outcome of ["completed", "failed", "skipped", "cancelled"])
    expect(outcomes[outcome], outcome).toBeGreaterThan(RUNS / 5);
  for (const state of ["completed", "partial", "failed", "cancelled", "timed_out"])
    expect(states[state], state).toBeGreaterThan(RUNS / 50);
  expect(exact).toBeGreaterThan(RUNS / 4);
  // Rules that no run was about. Words that are not generated yet explain most of them.
  const noticed =
    "optionalFulfillsJoin settledAlwaysRuns whenSkips unevaluableFails emptyForEachCompletes " +
    "itemFailureFailsStep failFastStops stoppedScopeFails";
  for (const rule of noticed.split(" ")) expect(unnoticed).not.toContain(rule);
});
