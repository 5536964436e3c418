import { given } from "../../../config/index.ts";
import { type Abort, type RunDefinition } from "../../../queues/index.ts";
import { policyOf, type OnError } from "../../../queues/worker.ts";
import { askedPauseMs, isRetryable } from "./retry.ts";

/** What kind of trouble an error is; policy `adaptive` decides by it. */
export const ERROR_CLASSES = ["rate_limited", "transient", "invalid", "unknown"] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

export function classify(thrown: unknown, code: string): ErrorClass {
  if (code === "effect_unknown" || code === "worker_lost") return "unknown";
  if (askedPauseMs(thrown) > 0) return "rate_limited";
  return isRetryable(thrown) ? "transient" : "invalid";
}

/** What a failure stops, beside what depends on it. */
export interface Consequences {
  readonly aborts?: readonly Abort[];
  /** Takes hold with the third failure of its kind. */
  readonly systemic?: readonly Abort[];
}

/**
 * The consequences of a step's failure: those of its policy in its scope, and of the workflow's when
 * its group hands failures on.
 */
export function consequencesOf(
  definition: RunDefinition,
  stepId: string,
  kind: ErrorClass,
): Consequences {
  const step = definition.steps[stepId]!;
  if (step.optional) return {};
  const policy = policyOf(definition, stepId);
  const inner = stopOf(policy.onError, stepId, kind, policy.group);
  const group = step.group === undefined ? undefined : definition.groups?.[step.group];
  if (group?.escalate !== true || policy.group === undefined) return collect([inner]);
  return collect([inner, stopOf(definition.onError, stepId, kind)]);
}

interface Stop {
  readonly abort: Abort;
  readonly third?: boolean;
}

/** What a policy stops; null when nothing. */
function stopOf(onError: OnError, stepId: string, kind: ErrorClass, group?: string): Stop | null {
  const abort: Abort = {
    kind: "policy",
    reason: `${stepId} failed`,
    ...given({ group }),
  };
  switch (onError) {
    case "resilient":
      return null;
    case "fail_fast":
      return { abort };
    case "recovery":
      return { abort: { ...abort, compensate: true } };
    case "adaptive":
      if (kind === "unknown") return { abort: { ...abort, compensate: true } };
      return kind === "invalid"
        ? null
        : { abort: { ...abort, reason: `${stepId} failed, the third so` }, third: true };
  }
}

function collect(stops: readonly (Stop | null)[]): Consequences {
  const found = stops.filter((stop) => stop !== null);
  const aborts = found.filter(({ third }) => third !== true).map(({ abort }) => abort);
  const systemic = found.filter(({ third }) => third === true).map(({ abort }) => abort);
  return {
    ...(aborts.length === 0 ? {} : { aborts }),
    ...(systemic.length === 0 ? {} : { systemic }),
  };
}
