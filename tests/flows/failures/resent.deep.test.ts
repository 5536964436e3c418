import { beforeAll, expect, inject } from "vitest";

import { test } from "../../support/runner/redis.ts";
import { learnScripts, tellResent, type Resent } from "../../support/stories/resent.ts";

/**
 * Every script that a client or a worker sends, and each operation of those that do several. A script that is not
 * here fails the first test.
 */
const SENT_AGAIN: readonly (Resent & {
  /** It has no part in the story, because of this. */
  readonly not?: string;
})[] = [
  { script: "tuttiAddFlow" },
  { script: "tuttiAddWorkflow" },
  { script: "tuttiAdmit", not: "only the sweeper asks" },
  { script: "tuttiAppendSample" },
  { script: "tuttiBeginUndo" },
  { script: "tuttiCalledBack" },
  { script: "tuttiCancelRun" },
  { script: "tuttiCancelSettled" },
  { script: "tuttiCancelSteps" },
  { script: "tuttiClaimEvent" },
  { script: "tuttiCreateRun" },
  { script: "tuttiDecide" },
  { script: "tuttiDecideFiring" },
  { script: "tuttiDropLanes", not: "a duty that is done every 30 s" },
  { script: "tuttiDue" },
  { script: "tuttiExpired", not: "it only reads" },
  { script: "tuttiFindOpen", not: "only the sweeper asks" },
  { script: "tuttiFinishRun" },
  { script: "tuttiForgetRun", not: "retention is a duty of every minute" },
  ...["acquire", "swap"].map((operation) => ({ script: "tuttiCalls", with: `"${operation}"` })),
  { script: "tuttiCalls", with: '"handed"', not: "no call takes so long" },
  { script: "tuttiCalls", with: '"ended"', not: "its calls are too few to be handed a permit" },
  ...["pass", "renew", "configure", "declare", "leave"].map((operation) => ({
    script: "tuttiGate",
    with: `"${operation}"`,
  })),
  { script: "tuttiGate", with: '"passed"', not: "nobody waits where no call is made" },
  { script: "tuttiGate", with: '"register"', not: "it comes with the script, in many packets" },
  { script: "tuttiGivePlace", not: "no run is stuck in the story" },
  { script: "tuttiKeepOptimizer", not: "nothing is tuned within the story" },
  { script: "tuttiKeepResult" },
  { script: "tuttiLead" },
  { script: "tuttiLeaveDuty" },
  { script: "tuttiLetGo", not: "no tree is so large, and no link is lost" },
  ...["begin", "commit", "end", "moveToActive", "retry", "park", "read", "learn"].map(
    (operation) => ({
      script: "tuttiLedger",
      with: `"${operation}"`,
    }),
  ),
  { script: "tuttiNoteTrigger" },
  { script: "tuttiParkRun" },
  { script: "tuttiPauseRun" },
  { script: "tuttiPauseSchedule" },
  { script: "tuttiPutSchedule" },
  { script: "tuttiPutTrigger" },
  { script: "tuttiReadResult" },
  { script: "tuttiRemoveJobs" },
  { script: "tuttiRemoveTrigger" },
  { script: "tuttiRemoveWorkflow" },
  { script: "tuttiRenewDuty", not: "no pass takes ten seconds" },
  { script: "tuttiReopenRun" },
  { script: "tuttiSetPriority" },
  { script: "tuttiSettleFiring" },
  { script: "tuttiTakeTended", not: "only the sweeper asks" },
  { script: "tuttiTidyLanes", not: "retention is a duty of every minute" },
  { script: "tuttiUnpauseRun" },
  { script: "tuttiUseLanes" },
];

let scripts: readonly string[] = [];
beforeAll(async () => {
  scripts = await learnScripts(inject("redisUrl"));
});

test("the table has every script", () => {
  expect([...new Set(SENT_AGAIN.map(({ script }) => script))].toSorted()).toEqual(scripts);
});

test.for(SENT_AGAIN.filter(({ not }) => not === undefined))(
  "$script $with is sent again, because its answer was lost, and nothing is lost or doubled",
  async (resent, { redisUrl, prefix }) => {
    expect(await tellResent({ redisUrl, prefix }, resent)).toBeGreaterThan(0);
  },
);
