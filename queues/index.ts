/** The door of queues/ for everybody: what submitters and workers share. */
export { Results } from "./cache/results.ts";
export { RedisClock } from "./connection/clock.ts";
export { untestedBullScripts } from "./connection/bull-scripts.ts";
export { settlesWithin } from "./connection/deadline.ts";
export { Durability } from "./connection/durability.ts";
export {
  type Condition,
  type RetryPolicy,
  type RunDefinition,
  startsEarly,
  type StepDefinition,
  type ToolTerms,
  type Wait,
} from "./definition.ts";
export { DutyStates } from "./duties/duties.ts";
export { ownBudget } from "./gate/stored/budget-names.ts";
export type { GateChanges } from "./gate/changes.ts";
export type { Declaration } from "./gate/declaration.ts";
export { unsettled } from "./gate/disagreements.ts";
export type { Reason } from "./gate/stored/explained.ts";
export { Gate } from "./gate/gate.ts";
export {
  type BudgetLimits,
  compileBudget,
  compileLimits,
  type GatedLimits,
  MACHINE_UNITS,
  sharesOf,
  shareUnits,
  unitsOf,
} from "./gate/stored/limits.ts";
export { fitting, wholeMachine } from "./gate/stored/machines.ts";
export { showLimits } from "./gate/shown.ts";
export type { RunJob, StepError, StepJob } from "./jobs.ts";
export { CONTROL_QUEUES, jobIds, Keys, toolOfQueue } from "./names.ts";
export { Canaries, type CanaryRecord, type CanaryResult } from "./optimizer/canary.ts";
export { Durations } from "./optimizer/durations.ts";
export { Samples } from "./optimizer/samples.ts";
export { Presence } from "./presence.ts";
export type { TreeNode } from "./runs/flows.ts";
export { Creations } from "./runs/lifecycle/creations.ts";
export { FlowTemplates } from "./runs/lifecycle/flow-template.ts";
export { JobMoves } from "./runs/job-moves.ts";
export { cancelRun } from "./runs/lifecycle/cancel.ts";
export {
  type FoundRun,
  jobOf,
  placesOf,
  runOf,
  type RunParts,
  type RunPlaces,
  type StepOrItem,
  stepsOf,
} from "./runs/lifecycle/parts.ts";
export { pauseRun } from "./runs/lifecycle/pause.ts";
export { startRun } from "./runs/lifecycle/start.ts";
export { subRunId } from "./runs/lifecycle/sub-runs.ts";
export { Items } from "./runs/record/items.ts";
export { Ledger } from "./runs/record/ledger.ts";
export {
  type Abort,
  FIELDS,
  isOpen,
  parseStepRecord,
  type RunState,
  type StepRecord,
} from "./runs/record/run-record.ts";
export { partName } from "./runs/record/part-names.ts";
export { silenceText, type TakeOver, takeOversOf } from "./runs/record/take-overs.ts";
export { upgradePayloads } from "./runs/upgrade.ts";
export { Values } from "./runs/record/values.ts";
export type { WaitDecision } from "./runs/record/waits.ts";
export type { FireParts } from "./starting/schedules/fire.ts";
export { Schedules } from "./starting/schedules/schedules.ts";
export { Triggers } from "./starting/triggers/triggers.ts";
export { type StartParts, startRegistered } from "./starting/workflows/start.ts";
export { ToolQueues } from "./tools/tool-queues.ts";
