/**
 * The door of the package for those who submit workflows and follow them. It starts no worker: that is
 * `tutti/worker`. The HTTP service is `tutti/server`.
 */
export {
  catalogueJsonSchema,
  catalogueParts,
  ERROR_CODES,
  isTuttiError,
  loadCatalogue,
  loadConfig,
  parseCatalogue,
  ToolRegistry,
  TuttiError,
  ValidationError,
  type BudgetSpec,
  type CatalogueOptions,
  type CatalogueParts,
  type Config,
  type ErrorCode,
  type Issue,
  type Json,
  type JsonObject,
  type ToolEntry,
  type ToolSpec,
} from "../config/index.ts";
export {
  RUN_STATES,
  type StepState,
  type StepView,
  type WorkerInfo,
  type CatalogueView,
  type Declarations,
  type DisagreementView,
} from "../queues/client.ts";
export { openRedis, type OpenRedis } from "../queues/embedded-redis/index.ts";
export { type RunState, type StepError } from "../queues/index.ts";
export { prepare } from "./workflow/prepare.ts";
export type { Compensated, EpochView, WidthChange } from "./runs/view/run-course.ts";
export type { RunSummary, RunView } from "./runs/view/run-view.ts";
export type { PlannedTimesForm } from "./starting/planned-times.ts";
export type { ScheduleForm } from "./starting/schedule-form.ts";
export type {
  FiringView,
  ScheduleDoor,
  ScheduleSummary,
  ScheduleView,
} from "./starting/schedules.ts";
export type {
  EmitOptions,
  EventDoor,
  TriggerDoor,
  TriggerForm,
  TriggerView,
} from "./starting/triggers.ts";
export type {
  VersionView,
  Workflows,
  WorkflowRemoval,
  WorkflowSummary,
  WorkflowView,
} from "./starting/workflows.ts";
export type { RunOptions, StartOptions, SubmitOptions } from "./runs/control/run-options.ts";
export type { Decision, Resumed } from "./runs/control/control.ts";
export type { DeadLetterDoor } from "./runs/dead-letters/dead-letters.ts";
export type { ByForm, DecisionForm, PauseForm, ResumeForm } from "./runs/control/forms.ts";
export type { GateDoor, GateSetting } from "./gate/limits/door.ts";
export type { BudgetChange, ToolChange } from "./gate/limits/forms.ts";
export type { GateTarget } from "./gate/limits/set.ts";
export type {
  BudgetView,
  ClaimView,
  GateView,
  MachineView,
  PermitView,
  ToolLimitsView,
  TroubleView,
} from "./gate/limits/show.ts";
export type { WhyQuestion } from "./gate/why/answer.ts";
export type { Eta, Holder, Why, WhyReason } from "./gate/why/why.ts";
export { Tutti } from "./tutti.ts";
export type { TuttiOptions } from "./tutti-options.ts";
export type { RunEvent } from "./runs/view/watch.ts";
export type { Plan, PlannedStep } from "./workflow/plan/plan.ts";
export { workflowJsonSchema, type WorkflowDocument } from "./workflow/document/schema.ts";
export type { DeadLetterView, Replayed } from "./runs/dead-letters/letters.ts";
