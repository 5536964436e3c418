/** The door of queues/ for processes that submit, observe and steer runs. */
export { withinDeadline } from "./connection/deadline.ts";
export { lackOf } from "./connection/durability-facts.ts";
export { openImpatient, openPatient } from "./connection/open.ts";
export { isAtLeast } from "./connection/server-info.ts";
export { REDIS_TROUBLES, unavailable } from "./connection/trouble.ts";
export {
  type BudgetTake,
  type CachePolicy,
  type Fallback,
  type ForEach,
  type LaneRule,
  PAYLOAD_VERSION,
} from "./definition.ts";
export type { DutyView } from "./duties/duties.ts";
export { isPrivate, ownerOf } from "./gate/stored/budget-names.ts";
export type { CatalogueView, Declarations, DisagreementView } from "./gate/disagreements.ts";
export { type Explained, partsOfLabel, type Rank, type Taken } from "./gate/stored/explained.ts";
export { type Level, levelOf, type LevelView } from "./gate/level.ts";
export {
  compileStepLimits,
  guardMsOf,
  importanceUnits,
  type ToolLimits,
  type Layer,
} from "./gate/stored/limits.ts";
export { type Drain, type MachineState, roomOf } from "./gate/stored/machines.ts";
export { LEVELS, RAMP_MS } from "./gate/scripts/constants.ts";
export {
  budgetIn,
  type Claim,
  type GateSnapshot,
  layersOf,
  type Permit,
  type Service,
  toolIn,
} from "./gate/stored/snapshot.ts";
export type { Identity } from "./jobs.ts";
export { CONTROL_PREFIX, ID_PART_RULE, isIdPart } from "./names.ts";
export { OptimizerStore } from "./optimizer/optimizer-store.ts";
export { type Sample, SAMPLE_MS, SAMPLES_MAX } from "./optimizer/sample.ts";
export type { KeptSample } from "./optimizer/samples.ts";
export { HEARTBEAT_MS, type WorkerInfo } from "./presence.ts";
export { RunEvents, type Transition } from "./runs/events.ts";
export { Flows } from "./runs/flows.ts";
export { decideStep } from "./runs/lifecycle/decide.ts";
export { queueOf } from "./runs/lifecycle/parts.ts";
export { unpauseRun } from "./runs/lifecycle/pause.ts";
export { type Reopen, reopenRun } from "./runs/lifecycle/reopen.ts";
export { setRunPriority } from "./runs/lifecycle/set-priority.ts";
export type { Started, Submitted } from "./runs/lifecycle/start.ts";
export { type DeadLetter, DeadLetters, partOfShown } from "./runs/record/dead-letters.ts";
export {
  hasEnded,
  PENDING,
  RUN_STATES,
  type RunHeader,
  type StepState,
  type StepView,
} from "./runs/record/run-record.ts";
export { Runs } from "./runs/record/runs.ts";
export { shownAs, partOf } from "./runs/record/part-names.ts";
export { Turns } from "./runs/record/turns.ts";
export { type Decided, Waits } from "./runs/record/waits.ts";
export { armSchedule, disarmSchedule } from "./starting/schedules/arm.ts";
export { CATCH_UPS } from "./starting/schedules/catch-up.ts";
export { fireNow } from "./starting/schedules/fire.ts";
export {
  type FiringCounts,
  type FiringRecord,
  OVERLAPS,
  type ScheduleSpec,
  type ScheduleState,
} from "./starting/schedules/schedules.ts";
export { emitEvent, type EmitParts, type Emitted } from "./starting/triggers/emit.ts";
export type { TriggerSpec, TriggerState } from "./starting/triggers/triggers.ts";
export { runIdOfKey } from "./starting/workflows/start.ts";
export {
  noWorkflow,
  type RegisteredWorkflow,
  WorkflowRegistry,
  type WorkflowVersion,
} from "./starting/workflows/workflows.ts";
export { Backpressure } from "./tools/backpressure.ts";
export type { ReopenedSteps, TreeOf, TreeRequest } from "./runs/lifecycle/tree-of.ts";
