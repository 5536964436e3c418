import { inject, test } from "vitest";

import { expectRightWaits } from "../../support/fleets/skewed-clocks.ts";

const HOUR_MS = 3_600_000;

// The slow tier has them one by one, and beside a clock that is right.
test.runIf(inject("canEmbed"))(
  "workers whose clocks are two hours ahead and two behind wait as long as they should",
  { timeout: 120_000 },
  () => expectRightWaits([2 * HOUR_MS, -2 * HOUR_MS]),
);
