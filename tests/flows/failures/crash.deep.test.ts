import { expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { crash } from "../../support/fleets/crash.ts";

const SEED = 20_261_121;

test(`30 DAGs, workers killed at random all the time (seed ${SEED})`, async ({ orchestra }) => {
  const report = await crash(orchestra, {
    seed: SEED,
    dags: 30,
    steps: 18,
    processes: 3,
    deaths: 0.04,
    killEveryMs: 1_500,
  });
  process.stdout.write(`${JSON.stringify(report)}\n`);
  expect(report.runs).toBe(30);
  expect(report.kills).toBeGreaterThan(0);
});
