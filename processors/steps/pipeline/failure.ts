import { isTuttiError, messageOf } from "../../../config/index.ts";
import type { StepError } from "../../../queues/index.ts";
import type { Ending } from "../../../queues/worker.ts";
import { consequencesOf, type ErrorClass } from "../decisions/policy.ts";
import type { Candidate } from "./candidate.ts";

/**
 * The ending of a step that failed, and what follows from it by its policy.
 *
 * @param attempts calls that were made. Default: none.
 * @param kind what kind of trouble it is. Default: one that trying again does not change.
 */
export function failure(
  { workflow, address, job }: Candidate,
  error: StepError,
  {
    attempts = 0,
    kind = "invalid",
  }: { readonly attempts?: number; readonly kind?: ErrorClass } = {},
): Ending {
  const ending = { outcome: "failed", attempts, error } as const;
  // What could not be undone is told with its run; nothing depends on it.
  if (job.data.undo === true) return ending;
  return { ...ending, dead: true, ...consequencesOf(workflow.definition, address.stepId, kind) };
}

/** Longest message and details that are kept of an error. Characters. */
const MAX_MESSAGE = 2_000;
const MAX_DETAILS = 8_000;

/** Anything that was thrown, as it stands in the record. */
export function stepError(thrown: unknown): StepError {
  const message = messageOf(thrown).slice(0, MAX_MESSAGE);
  if (!isTuttiError(thrown)) return { code: "step_execution_failed", message };
  if (Object.keys(thrown.details).length === 0) return { code: thrown.code, message };
  const details = JSON.stringify(thrown.details);
  return details.length > MAX_DETAILS
    ? { code: thrown.code, message }
    : { code: thrown.code, message, details: thrown.details };
}
