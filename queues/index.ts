/** The door of queues/: all a process needs to add and observe jobs. */
export {
  abortedState,
  cancelRun,
  forgetRun,
  hurryRetries,
  jobOf,
  resumeCancel,
  stepsOf,
  type CancelParts,
  type TreeOf,
} from "./runs/cancel.ts";
export {
  isConnectionTrouble,
  openImpatient,
  openPatient,
  settlesWithin,
  withinDeadline,
} from "./connection.ts";
export {
  PAYLOAD_VERSION,
  type Join,
  type OnError,
  type RetryPolicy,
  type RunDefinition,
  type StepDefinition,
} from "./definition.ts";
export { RunEvents, type Transition } from "./events.ts";
export { BACKOFF, childOptions, controlBackoffMs, Flows, type TreeNode } from "./flows.ts";
export {
  assertPayload,
  type EdgeJob,
  type ForkJob,
  type Identity,
  type RunJob,
  type StepJob,
} from "./jobs.ts";
export { Items } from "./runs/items.ts";
export {
  Ledger,
  type Begun,
  type Committed,
  type Ending,
  type StepAddress,
} from "./runs/ledger.ts";
export {
  CONTROL_PREFIX,
  CONTROL_QUEUES,
  ID_PART_RULE,
  isIdPart,
  jobIds,
  Keys,
  type RunAddress,
} from "./names.ts";
export { HEARTBEAT_MS, Presence, type WorkerInfo } from "./presence.ts";
export * from "./runs/run-record.ts";
export { Runs, type ExistingRun, type NewRun, type RunEnding } from "./runs/runs.ts";
export { ToolQueues } from "./tool-queues.ts";
export { isReference, storedForm, Values } from "./runs/values.ts";
export { addJobs, enqueueRun } from "./runs/enqueue.ts";
export {
  findServer,
  inspectRedis,
  installHint,
  isAtLeast,
  MIN_REDIS_VERSION,
  openRedis,
  type OpenRedis,
  type OpenRedisOptions,
  type RedisConfig,
  type RedisInspection,
} from "./redis/index.ts";
