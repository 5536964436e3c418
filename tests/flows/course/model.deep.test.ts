import { expect } from "vitest";

import { explore, tally } from "../../model/random/explore.ts";
import { test } from "../../support/orchestra.ts";
import { SEED } from "../../support/seed.ts";

const RUNS = 1_000;
const AT_ONCE = 16;

test(`${RUNS} random workflows end as docs/semantics.md says (seed ${SEED})`, async ({
  orchestra,
}) => {
  const performed = await explore(orchestra, { seed: SEED, runs: RUNS, atOnce: AT_ONCE });
  expect(performed).toHaveLength(RUNS);
  process.stdout.write(`${JSON.stringify(tally(performed))}\n`);
});
