import { describe } from "vitest";

import { expectCapStays, LONE } from "../../support/learning/lone-refusals.ts";
import { test } from "../../support/runner/redis.ts";

describe("a lone 429 says nothing about how many calls at once a service takes", () => {
  for (const knee of [6, 16])
    for (const refusals of LONE)
      test(`${knee} calls; it refuses ${refusals.name}`, ({ redis, prefix }) =>
        expectCapStays(redis, prefix, knee, refusals));
});
