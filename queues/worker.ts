/** The door of queues/ for processes that run jobs. */
export type { KnownCall } from "./cache/results.ts";
export type { OnError, StepLimits } from "./definition.ts";
export { nothingElse } from "./embedded-redis/descriptors.ts";
export { type DeclarationFacts, encodeDeclaration } from "./gate/declaration.ts";
export type { Health } from "./gate/level.ts";
export {
  type Busy,
  type Observed,
  runningBetween,
  USAGE_STALE_MS,
  type UsageWord,
} from "./gate/stored/observed.ts";
export type { ToolLayers } from "./gate/stored/snapshot.ts";
export type { MachineChange } from "./gate/stored/machines.ts";
export { closedMessage, TroubleNames } from "./gate/stored/troubles.ts";
export type { OpenTools } from "./gate/reader.ts";
export type { Acquired, CallEnd, Caller, CallSum, EndedWell, Grant } from "./gate/permit.ts";
export { DECLARED_MESSAGE, SIGN_OF_LIFE_MS } from "./gate/scripts/constants.ts";
export { LAST_RANK } from "./gate/scripts/ranks.ts";
export { assertPayload, type HandedOn, type UndoingJob } from "./jobs.ts";
export { isLane } from "./names.ts";
export type { Reading, ToolReading } from "./optimizer/sample.ts";
export { childOptions, controlBackoffMs } from "./runs/flows.ts";
export {
  abortedState,
  forgetRun,
  wakeWaitingSteps,
  resumeCancel,
} from "./runs/lifecycle/cancel.ts";
export { conclude, concludeUndone, enqueueUndo } from "./runs/lifecycle/conclude.ts";
export { parkAgain, parkIfIdle } from "./runs/lifecycle/park.ts";
export { isControlStep, jobsOf, linksOfLost, treeOfRun } from "./runs/lifecycle/parts.ts";
export { counts, policyOf } from "./runs/lifecycle/policy.ts";
export { enqueueFound, enqueueRun, enqueueRuns } from "./runs/lifecycle/start.ts";
export { linksOf } from "./runs/record/links.ts";
export type { Aside, Begun, Committed } from "./runs/record/ledger-answers.ts";
export type { Call, Ending, StepAddress } from "./runs/record/ledger.ts";
export type { RunEnding } from "./runs/record/runs.ts";
export type { Expiry, Page, Tending } from "./runs/record/tending.ts";
export { isReference } from "./runs/record/values.ts";
export type { SeenStep } from "./runs/record/waits.ts";
export { REARM, rearmSchedules, type TickJob } from "./starting/schedules/arm.ts";
export { fireDue, fireOverdue } from "./starting/schedules/fire.ts";
export type { TriggerJob } from "./starting/triggers/emit.ts";
export { type PullParts, pullTrigger } from "./starting/triggers/pull.ts";
export { readKeys } from "./tools/lane-keys.ts";
export { FAR_MS } from "./tools/tool-queues.ts";
export { WAKING } from "./tools/waking.ts";
