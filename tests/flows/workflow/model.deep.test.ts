import { expect } from "vitest";

import { explore, tally } from "../../model/random/explore.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { SEED } from "../../support/runner/seed.ts";

const RUNS = 1_000;
const AT_ONCE = 16;

test(`${RUNS} random workflows end as docs/semantics.md says (seed ${SEED})`, async ({
  orchestra,
}) => {
  const performed = await explore(orchestra, { seed: SEED, runs: RUNS, atOnce: AT_ONCE });
  expect(performed).toHaveLength(RUNS);
  const tallied = tally(performed);
  process.stdout.write(`${JSON.stringify(tallied)}\n`);
  // A generator that makes nothing but easy workflows shows nothing.
  for (const outcome of ["completed", "failed", "skipped", "cancelled"])
    expect(tallied.outcomes[outcome], outcome).toBeGreaterThan(RUNS / 5);
  for (const state of ["completed", "partial", "failed", "cancelled", "timed_out"])
    expect(tallied.states[state], state).toBeGreaterThan(RUNS / 50);
  expect(tallied.exact).toBeGreaterThan(RUNS / 4);
});
