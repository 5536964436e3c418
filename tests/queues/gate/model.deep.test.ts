import { expect } from "vitest";

import { GateModel } from "../../support/gate-model.ts";
import { randomFrom } from "../../support/random.ts";
import { test } from "../../support/redis.ts";
import { SEED } from "../../support/seed.ts";

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
