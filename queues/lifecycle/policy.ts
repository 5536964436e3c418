import type { OnError, RunDefinition } from "../definition.ts";

/** Which policy a failure of a step has, and what it is about: its group, or the whole run. */
export interface Policy {
  readonly onError: OnError;
  /** The scope, when it is a group. */
  readonly group?: string;
}

/** The step's own policy, else that of its group, else that of the workflow. */
export function policyOf(definition: RunDefinition, stepId: string): Policy {
  const step = definition.steps[stepId]!;
  if (step.onError !== undefined) return { onError: step.onError };
  const group = step.group === undefined ? undefined : definition.groups?.[step.group];
  return group?.onError === undefined || step.group === undefined
    ? { onError: definition.onError }
    : { onError: group.onError, group: step.group };
}

/** Whether a failure of this step is one of the run. */
export function counts(definition: RunDefinition, stepId: string): boolean {
  const step = definition.steps[stepId]!;
  const group = step.group === undefined ? undefined : definition.groups?.[step.group];
  return !step.optional && group?.optional !== true;
}
