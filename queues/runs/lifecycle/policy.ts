import type { OnError, RunDefinition } from "../../definition.ts";

/** The policy for a failure of a step, and its scope: the step's group or the whole run. */
export interface Policy {
  readonly onError: OnError;
  /** The group, if that is the scope. */
  readonly group?: string;
}

/**
 * The step's own policy, else that of its group, else that of the workflow. A group with a policy is a boundary: the
 * effects of its members on others end there.
 */
export function policyOf(definition: RunDefinition, stepId: string): Policy {
  const step = definition.steps[stepId]!;
  const group = step.group === undefined ? undefined : definition.groups?.[step.group];
  if (group?.onError === undefined || step.group === undefined)
    return { onError: step.onError ?? definition.onError };
  return { onError: step.onError ?? group.onError, group: step.group };
}

/** Whether stopping this scope undoes its completed steps. Without a group: the run. */
export function undoes(definition: RunDefinition, scope: string | undefined): boolean {
  const own = scope === undefined ? definition.onError : definition.groups?.[scope]?.onError;
  if (own === "recovery") return true;
  return Object.keys(definition.steps).some((id) => {
    const { onError, group } = policyOf(definition, id);
    return onError === "recovery" && group === scope && !definition.steps[id]!.optional;
  });
}

/** Whether a failure of this step is a failure of the run. */
export function counts(definition: RunDefinition, stepId: string): boolean {
  const step = definition.steps[stepId]!;
  const group = step.group === undefined ? undefined : definition.groups?.[step.group];
  return !step.optional && group?.optional !== true;
}
