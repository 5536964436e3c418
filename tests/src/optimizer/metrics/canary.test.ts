import { expect, test } from "vitest";

import type { CanaryResult } from "../../../../queues/index.ts";
import { canaryOf } from "../../../../src/optimizer/metrics/canary.ts";

const result = (n: number, state: CanaryResult["state"]): CanaryResult => ({
  runId: `c${n}`,
  state,
  tookMs: state === "open" ? null : 100 * n,
  atMs: 60_000 * n,
});

const of = (results: readonly CanaryResult[], nowMs = 200_000) =>
  canaryOf({ workflowId: "w", everyMs: 60_000, runId: null, results }, nowMs);

test("what was seen long ago says nothing about now", () => {
  expect(of([result(1, "failed")], 660_000)).not.toBeNull();
  expect(of([result(1, "failed")], 660_001)).toBeNull();
});

test("a canary tells its last run, and how many did not complete", () => {
  expect(canaryOf(null, 0)).toBeNull();
  expect(of([])).toBeNull();
  const results = [result(1, "failed"), result(2, "completed"), result(3, "open")];
  expect(of(results)).toEqual({
    workflowId: "w",
    last: { runId: "c3", state: "open", tookMs: null, at: "1970-01-01T00:03:00.000Z" },
    failed: 2,
    runs: 3,
    failedInARow: 1,
  });
  const bad = [result(1, "failed"), result(2, "none")];
  expect(of(bad)).toMatchObject({ failedInARow: 2 });
  const good = [result(1, "completed")];
  expect(of(good)).toMatchObject({ failedInARow: 0 });
});
