import { quoted, TuttiError } from "../../../config/index.ts";
import type { StepDefinition, StepRecord } from "../../../queues/index.ts";
import type { CompiledStep } from "../definitions.ts";
import type { Found } from "../inputs.ts";

/** Whether a step's dependencies let it run. */
export type Decision =
  | { readonly kind: "run" }
  | { readonly kind: "skip"; readonly reason: string }
  /** A dependency has not ended: somebody released the job by hand. */
  | { readonly kind: "early"; readonly waitsFor: string };

/**
 * The skip rule. `all`: every dependency has completed, or is optional and has ended.
 * `settled`: it runs however they ended. `any`: one has completed.
 */
export function joinDecision(
  step: StepDefinition,
  dependencies: ReadonlyMap<string, StepRecord>,
  isOptional: (stepId: string) => boolean,
): Decision {
  if (step.join === "any" && dependencies.size > 0) return decideAny(dependencies);
  let reason: string | undefined;
  for (const [stepId, record] of dependencies) {
    if (record.finishedAtMs === null) return { kind: "early", waitsFor: stepId };
    if (step.join === "settled" || record.state === "completed" || isOptional(stepId)) continue;
    reason ??= endedSo(stepId, record);
  }
  return reason === undefined ? { kind: "run" } : { kind: "skip", reason };
}

function decideAny(dependencies: ReadonlyMap<string, StepRecord>): Decision {
  const all = [...dependencies];
  if (all.some(([, { state }]) => state === "completed")) return { kind: "run" };
  const open = all.find(([, { finishedAtMs }]) => finishedAtMs === null);
  if (open !== undefined) return { kind: "early", waitsFor: open[0] };
  const [first] = all;
  return {
    kind: "skip",
    reason: `none of ${all.length} completed: ${first === undefined ? "" : endedSo(...first)}`,
  };
}

function endedSo(stepId: string, { state }: StepRecord): string {
  return `${stepId} ${state === "skipped" ? "was skipped" : state === "cancelled" ? "was cancelled" : "failed"}`;
}

/**
 * Whether `when` is there and false.
 *
 * @throws TuttiError `reference_missing` when it reads what is not there, or is not a truth value.
 */
export function conditionFails(step: CompiledStep, found: Found): boolean {
  if (step.when === undefined) return false;
  const holds = step.when.render(found.variables);
  if (typeof holds === "boolean") return !holds;
  throw new TuttiError(
    "reference_missing",
    `expected when to yield true or false, got: ${quoted(holds)}`,
  );
}
