/** The door of processors/: all a process needs to run jobs. */
export type { BoundTool, CallContext, ToolHandler } from "./bindings/binding.ts";
export {
  bindTools,
  BoundTools,
  type BindToolsOptions,
  type CallOptions,
} from "./bindings/tools.ts";
export { Redactor, secretSource, type SecretSource } from "./bindings/secrets.ts";
export { builtInHandlers } from "./tools/built-in.ts";
export { ActiveCalls, RunAborted } from "./calls/active-calls.ts";
export { Definitions } from "./steps/definitions.ts";
export { Duties } from "./duties/duties.ts";
export { dropLanes } from "./duties/lanes.ts";
export { removeExpired, type Retention } from "./duties/retention.ts";
export type { RepairParts } from "./duties/repair.ts";
export { givePlaces } from "./duties/places.ts";
export { sweep, type SweepReport } from "./duties/sweeper.ts";
export type { Engine } from "./engine.ts";
export { Meter } from "./samples/meter.ts";
export { Repeats } from "./samples/repeats.ts";
export { Periodic } from "./periodic.ts";
export { RepeatedLog } from "./repeated-log.ts";
export { Sampler } from "./samples/sampler.ts";
export { capacityOf, declaredLimits } from "./gate/declared.ts";
export { Doorkeeper } from "./gate/doorkeeper.ts";
export { LEARN_INTERVAL_MS, Learner } from "./gate/learner.ts";
export { ServiceLevel } from "./gate/service-level.ts";
export { type KneeState } from "./learning/knee.ts";
export { MachineUsage, type UsageProbe, type UsageReading } from "./learning/machine-usage.ts";
export { Settlement } from "./gate/settlement.ts";
export { Starters } from "./starters/starters.ts";
export { Suspects } from "./calls/suspects.ts";
export { concurrencyOf, Workers, type WorkersOptions } from "./workers.ts";
