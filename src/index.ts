/**
 * The door of the package for those who submit workflows and follow them. It starts no worker: that is
 * `tutti/worker`. The HTTP service is `tutti/server`.
 */
export {
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
  openRedis,
  type OpenRedis,
  RUN_STATES,
  type RunState,
  type StepError,
  type StepState,
  type StepView,
  type WorkerInfo,
} from "../queues/index.ts";
export { prepare } from "./prepare.ts";
export type { Compensated, EpochView, WidthChange } from "./run-course.ts";
export type { RunSummary, RunView } from "./run-view.ts";
export type { PlannedTimesForm } from "./registry/planned-times.ts";
export type { ScheduleForm } from "./registry/schedule-form.ts";
export type {
  FiringView,
  ScheduleDoor,
  ScheduleSummary,
  ScheduleView,
} from "./registry/schedules.ts";
export type {
  EmitOptions,
  EventDoor,
  TriggerDoor,
  TriggerForm,
  TriggerView,
} from "./registry/triggers.ts";
export type {
  VersionView,
  Workflows,
  WorkflowRemoval,
  WorkflowSummary,
  WorkflowView,
} from "./registry/workflows.ts";
export type { RunOptions, StartOptions, SubmitOptions } from "./run-options.ts";
export type { Decision, Resumed } from "./control/control.ts";
export type { DeadLetterDoor, DeadLetterView, Replayed } from "./control/dead-letters.ts";
export type { ByForm, DecisionForm, PauseForm, ResumeForm } from "./control/forms.ts";
export type { GateDoor, GateSetting } from "./gate/door.ts";
export type { BudgetChange, ToolChange } from "./gate/forms.ts";
export type { GateTarget } from "./gate/set.ts";
export type {
  BudgetView,
  ClaimView,
  GateView,
  MachineView,
  PermitView,
  ToolLimitsView,
  TroubleView,
} from "./gate/show.ts";
export type { CatalogueView, Declarations, DisagreementView } from "../queues/index.ts";
export type { WhyQuestion } from "./gate/why/answer.ts";
export type { Eta, Holder, Why, WhyReason } from "./gate/why/why.ts";
export { Tutti, type TuttiOptions } from "./tutti.ts";
export type { RunEvent } from "./watch.ts";
export type { Plan, PlannedStep } from "./workflow/plan.ts";
export { workflowJsonSchema, type WorkflowDocument } from "./workflow/schema.ts";
