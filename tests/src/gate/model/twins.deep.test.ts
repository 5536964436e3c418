import * as fc from "fast-check";

import { anyTwins, TwinGates } from "../../../support/gate/twin-gates.ts";
import { test } from "../../../support/runner/redis.ts";
import { SEED } from "../../../support/runner/seed.ts";

test(
  "the model of the gate answers what the script answers, in many worlds",
  {
    timeout: 1_800_000,
  },
  async ({ redis, prefix }) => {
    let worlds = 0;
    await fc.assert(
      fc.asyncProperty(anyTwins, (one) => new TwinGates(redis, `${prefix}${++worlds}`, one).play()),
      { seed: SEED, numRuns: 2_000 },
    );
  },
);
