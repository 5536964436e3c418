import { beforeAll, expect, inject } from "vitest";

import { test } from "../../support/runner/redis.ts";
import { learnScripts, tellResent, type Resent } from "../../support/stories/resent.ts";

/** Those that lost something once; the deep tier has all of them. */
const SENT_AGAIN: readonly Resent[] = [
  { script: "tuttiLedger", with: '"park"' },
  { script: "tuttiLedger", with: '"commit"' },
  { script: "tuttiCreateRun" },
  { script: "tuttiAddFlow" },
  { script: "tuttiCancelSettled" },
];

beforeAll(async () => {
  await learnScripts(inject("redisUrl"));
});

test.for(SENT_AGAIN)(
  "$script $with is sent again, because its answer was lost, and nothing is lost or doubled",
  { timeout: 180_000 },
  async (resent, { redisUrl, prefix }) => {
    expect(await tellResent({ redisUrl, prefix }, resent)).toBeGreaterThan(0);
  },
);
