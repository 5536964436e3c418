import { inject, test } from "vitest";

import { expectRightWaits } from "../../support/fleets/skewed-clocks.ts";

const HOUR_MS = 3_600_000;

const CLOCKS = [
  { clocks: "two hours ahead", skews: [2 * HOUR_MS] },
  { clocks: "two hours behind", skews: [-2 * HOUR_MS] },
  { clocks: "two hours ahead and right", skews: [2 * HOUR_MS, 0] },
];

test.runIf(inject("canEmbed")).for(CLOCKS)(
  "workers whose clocks are $clocks wait as long as they should",
  { timeout: 120_000 },
  ({ skews }) => expectRightWaits(skews),
);
