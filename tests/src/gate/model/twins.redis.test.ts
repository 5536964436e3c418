import * as fc from "fast-check";
import { expect } from "vitest";

import { anyTwins, TwinGates } from "../../../support/gate/twin-gates.ts";
import { test } from "../../../support/runner/redis.ts";
import { SEED } from "../../../support/runner/seed.ts";

test("the model of the gate answers what the script answers, whatever has happened", async ({
  redis,
  prefix,
}) => {
  const kinds = new Set<string>();
  let worlds = 0;
  await fc.assert(
    fc.asyncProperty(anyTwins, async (one) => {
      const twins = new TwinGates(redis, `${prefix}${++worlds}`, one);
      await twins.play();
      for (const kind of twins.kinds) kinds.add(kind);
    }),
    { seed: SEED, numRuns: 40, endOnFailure: true },
  );
  // Every kind of answer but "behind" was given, or nothing was tested: what is refused goes at once in these worlds.
  expect([...kinds].toSorted()).toEqual(
    ["drain", "exceeds", "granted", "knee", "rate", "resource", "slots"].toSorted(),
  );
});
