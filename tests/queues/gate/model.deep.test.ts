import { expect } from "vitest";

import { randomFrom } from "../../support/drawn/random.ts";
import { GateModel } from "../../support/gate/gate-model.ts";
import { test } from "../../support/runner/redis.ts";
import { SEED } from "../../support/runner/seed.ts";

const HALF_AN_HOUR = 1_800_000;

for (const rough of [true, false]) {
  test(
    `half a million random events, ${rough ? "with deaths and changes" : "in a calm sea"}`,
    { timeout: HALF_AN_HOUR },
    async ({ redis, prefix, annotate }) => {
      const model = new GateModel(redis, prefix, randomFrom(SEED), rough);
      await model.start();
      const report = await model.play(500_000);
      await annotate(`seed ${SEED}: ${JSON.stringify(report)}`);
      await model.drain();
      expect(report.grants).toBeGreaterThan(50_000);
      if (!rough) expect(report.longestBigMs).toBeLessThan(10_000);
    },
  );
}
