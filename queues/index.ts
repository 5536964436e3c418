/** The door of queues/: all a process needs to add and observe jobs. */
export { Canaries, type CanaryRecord, type CanaryResult } from "./canary.ts";
export { abortedState, cancelRun, forgetRun, hurry, resumeCancel } from "./lifecycle/cancel.ts";
export { conclude, concludeUndone, enqueueUndo } from "./lifecycle/conclude.ts";
export { decideStep, deliverEvent } from "./lifecycle/decide.ts";
export {
  isControlStep,
  jobOf,
  jobsOf,
  placesOf,
  jobsOfStep,
  queueOf,
  runOf,
  stepsOf,
  treeOfRun,
  type FoundRun,
  type ReopenedSteps,
  type RunParts,
  type RunPlaces,
  type StepOrItem,
  type TreeOf,
  type TreeRequest,
} from "./lifecycle/parts.ts";
export { parkAgain, parkIfIdle } from "./lifecycle/park.ts";
export { pauseRun, unpauseRun } from "./lifecycle/pause.ts";
export { counts, policyOf, type Policy } from "./lifecycle/policy.ts";
export { reopenRun, type Reopen, type Reopened } from "./lifecycle/reopen.ts";
export {
  enqueueFound,
  enqueueRun,
  enqueueRuns,
  startRun,
  type RunStart,
  type Started,
  type Submitted,
} from "./lifecycle/start.ts";
export { setRunPriority } from "./lifecycle/set-priority.ts";
export { subRunId } from "./lifecycle/sub-runs.ts";
export { DutyStates, type DutyState, type DutyView } from "./duties.ts";
export { Backpressure } from "./backpressure.ts";
export {
  Durability,
  isAtLeast,
  lackOf,
  openImpatient,
  openPatient,
  REDIS_TROUBLES,
  RedisClock,
  redisTrouble,
  settlesWithin,
  unavailable,
  withinDeadline,
  type DurabilityFacts,
  type TroubleReport,
} from "./connection/index.ts";
export {
  PAYLOAD_VERSION,
  type Alternative,
  type BudgetTake,
  type CachePolicy,
  type Compensation,
  type Condition,
  type Fallback,
  type ForEach,
  type GroupDefinition,
  type Join,
  type LaneRule,
  type OnError,
  type RetryPolicy,
  type RunDefinition,
  type StepDefinition,
  type StepLimits,
  type ToolTerms,
  type Wait,
} from "./definition.ts";
export { RunEvents, type Transition } from "./events.ts";
export { BACKOFF, childOptions, controlBackoffMs, FAR_MS, Flows, type TreeNode } from "./flows.ts";
export {
  compileBudget,
  compileLimits,
  compileStepLimits,
  importanceUnits,
  limitsOfStep,
  MACHINE_UNITS,
  roomBeside,
  shareUnits,
  type BudgetLimits,
  type GatedLimits,
  type ToolLimits,
} from "./gate/limits.ts";
export type { GateChanges, Layer } from "./gate/changes.ts";
export {
  encodeDeclaration,
  type Declaration,
  type DeclarationFacts,
  type EncodedDeclaration,
} from "./gate/declaration.ts";
export {
  unsettled,
  type CatalogueView,
  type Declarations,
  type DisagreementView,
} from "./gate/disagreements.ts";
export { Gate } from "./gate/gate.ts";
export {
  runningBetween,
  USAGE_STALE_MS,
  type Busy,
  type Observed,
  type UsageWord,
} from "./gate/observed.ts";
export type { Acquired, CallClass, CallEnd, Caller, Grant } from "./gate/permit.ts";
export { listed, type Shown } from "./gate/tables.ts";
export {
  BREAKER_PROBES,
  DECLARED_MESSAGE,
  LEVELS,
  RAMP_MS,
  SIGN_OF_LIFE_MS,
} from "./gate/constants.ts";
export { LAST_RANK } from "./gate/scripts/ranks.ts";
export {
  levelOf,
  type Health,
  type Level,
  type LevelChange,
  type LevelView,
} from "./gate/level.ts";
export type { Explained, Rank, Taken } from "./gate/explained.ts";
export type { Reason } from "./gate/reasons.ts";
export { showLimits, shownLimits, type ShownLimits } from "./gate/shown.ts";
export {
  assertPayload,
  type EdgeJob,
  type ForkJob,
  type HandedOn,
  type Identity,
  type RunJob,
  type StepJob,
  type UndoingJob,
} from "./jobs.ts";
export { Durations } from "./samples/durations.ts";
export {
  SAMPLE_MS,
  SAMPLES_MAX,
  type Reading,
  type Sample,
  type ToolReading,
} from "./samples/sample.ts";
export { OptimizerStore } from "./samples/optimizer-store.ts";
export { Samples, type KeptSample } from "./samples/samples.ts";
export { queueOfCall, readKeys, type RunKeys } from "./lanes/keys.ts";
export { Lanes } from "./lanes/lanes.ts";
export { DeadLetters, slotOfShown, type DeadLetter } from "./runs/dead-letters.ts";
export { Items } from "./runs/items.ts";
export {
  isAside,
  Ledger,
  type Aside,
  type Begun,
  type Call,
  type Committed,
  type Ending,
  type StepAddress,
} from "./runs/ledger.ts";
export {
  CONTROL_PREFIX,
  CONTROL_QUEUES,
  ID_PART_RULE,
  isIdPart,
  isLane,
  jobIds,
  Keys,
  laneOf,
  toolOfQueue,
  type RunAddress,
} from "./names.ts";
export { Results, type KeptResult, type KnownCall } from "./results/results.ts";
export { HEARTBEAT_MS, Presence, type WorkerInfo } from "./presence.ts";
export * from "./runs/run-record.ts";
export * from "./runs/take-overs.ts";
export { Runs, type ExistingRun, type NewRun, type RunEnding } from "./runs/runs.ts";
export {
  noWorkflow,
  WorkflowRegistry,
  type RegisteredWorkflow,
  type WorkflowVersion,
} from "./registry/workflows.ts";
export { runIdOfKey, startRegistered, type StartParts } from "./registry/start.ts";
export {
  armSchedule,
  disarmSchedule,
  REARM,
  rearmSchedules,
  type TickJob,
} from "./schedules/arm.ts";
export { CATCH_UPS, type CatchUp } from "./schedules/catch-up.ts";
export { cronProblem } from "./schedules/cron.ts";
export { isTimeZone, nextTime, nextTimes } from "./schedules/due.ts";
export { fireDue, fireNow, fireOverdue, type FireParts } from "./schedules/fire.ts";
export { WAKING } from "./schedules/waking.ts";
export {
  OVERLAPS,
  Schedules,
  type FiringCounts,
  type FiringRecord,
  type Overlap,
  type ScheduleSpec,
  type ScheduleState,
} from "./schedules/schedules.ts";
export { emitEvent, type Emitted, type EmitParts, type TriggerJob } from "./triggers/emit.ts";
export { pullTrigger, type PullParts } from "./triggers/pull.ts";
export {
  EVENT_KEY_MS,
  Triggers,
  type EmittedEvent,
  type TriggerSpec,
  type TriggerState,
} from "./triggers/triggers.ts";
export { Turns, type Turn } from "./runs/turns.ts";
export { ToolQueues } from "./tool-queues.ts";
export type { Expiry, Page, Tending } from "./runs/tending.ts";
export { isReference, storedForm, Values } from "./runs/values.ts";
export { Waits, type SeenStep, type Decided, type WaitDecision } from "./runs/waits.ts";
export {
  findServer,
  inspectRedis,
  installHint,
  MIN_REDIS_VERSION,
  nothingElse,
  openRedis,
  type OpenRedis,
  type OpenRedisOptions,
  type RedisConfig,
  type RedisInspection,
} from "./redis/index.ts";
