import { expect } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

const ITEMS = 10_000;
const PARALLEL = 50;

test(`a forEach over ${ITEMS} items never has more than twice ${PARALLEL} jobs, and ends with all outputs in order`, async ({
  orchestra: { tutti, work, queues },
}) => {
  let most = 0;
  await work({
    probe: async ({ n }) => {
      // Every hundredth call looks at the queue from inside.
      if (Number(n) % 100 === 0) {
        const { waiting, prioritized, active, delayed } = await queues.get("probe").getJobCounts();
        most = Math.max(most, (waiting ?? 0) + (prioritized ?? 0) + (active ?? 0) + (delayed ?? 0));
      }
      return n ?? null;
    },
  });
  const { runId } = await tutti.submit(
    workflow(
      [
        {
          id: "each",
          forEach: "${{ input.items }}",
          maxParallel: PARALLEL,
          with: { n: "${{ item }}" },
        },
      ],
      { output: "${{ steps.each.output }}" },
    ),
    { input: { items: Array.from({ length: ITEMS }, (_, index) => index) } },
  );
  const run = await tutti.result(runId, { timeoutMs: 240_000 });
  expect(run.state).toBe("completed");
  expect(run.output).toEqual(Array.from({ length: ITEMS }, (_, index) => index));
  expect(most).toBeGreaterThan(0);
  // An item that has ended is still active for a moment when the one behind it is there.
  expect(most).toBeLessThanOrEqual(2 * PARALLEL);
});
