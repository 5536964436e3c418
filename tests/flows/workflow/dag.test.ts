import { describe } from "vitest";

import { test } from "../../support/deployment/orchestra.ts";
import { SHAPES } from "../../support/drawn/dags.ts";
import { expectRandomRight, expectRight, Log } from "../../support/stories/right-order.ts";

/** The slow tier has 200. */
const RUNS = 60;

describe("a DAG runs every step once, none before all its dependencies have ended", () => {
  test.for(Object.entries(SHAPES))("%s", { timeout: 60_000 }, async ([, dag], { orchestra }) => {
    const log = new Log();
    await orchestra.work({ probe: log.handler });
    await expectRight(orchestra, log, dag);
  });

  test(`${RUNS} random DAGs of up to 60 steps`, { timeout: 180_000 }, ({ orchestra }) =>
    expectRandomRight(orchestra, RUNS),
  );

  test(
    "by BullMQ's own commands too, where its scripts are not the tested ones",
    {
      timeout: 60_000,
    },
    async ({ orchestra }) => {
      const work: typeof orchestra.work = (handlers, options) =>
        orchestra.work(handlers, { ...options, sharedMoves: false });
      await expectRandomRight({ ...orchestra, work }, RUNS / 4);
    },
  );
});
