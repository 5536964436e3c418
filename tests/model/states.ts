/** How a run ends. */
import { evaluate } from "./expressions.ts";
import type { Stop } from "./policy.ts";
import type { Rules } from "./rules.ts";
import type { Endings } from "./start.ts";
import type { RunState, Seen, Step, Workflow } from "./words.ts";

function counts(workflow: Workflow, step: Step, rules: Rules): boolean {
  if (step.optional === true && rules.optionalDoesNotCount) return false;
  const group = step.group === undefined ? undefined : workflow.groups?.[step.group];
  return group?.optional !== true || !rules.groupOptionalDoesNotCount;
}

/** The state of a run that nothing stopped as a whole. */
function ownState({ workflow }: Seen, endingOf: Endings, rules: Rules): RunState {
  const counted = workflow.steps.filter((step) => counts(workflow, step, rules));
  const outcomes = new Set(counted.map(({ id }) => endingOf(id).outcome));
  if (outcomes.has("failed"))
    return outcomes.has("completed") || !rules.partialNeedsCompleted ? "partial" : "failed";
  const { output, success = [] } = workflow;
  if (output !== undefined && evaluate(output, endingOf) === "error" && rules.outputMustEvaluate)
    return "failed";
  const unmet = success.some((criterion) => evaluate(criterion, endingOf) !== "true");
  return unmet && rules.criteriaMustHold ? "completed_with_unmet_criteria" : "completed";
}

export function statesOf(
  seen: Seen,
  stops: readonly Stop[],
  endingOf: Endings,
  rules: Rules,
): Set<RunState> {
  const whole = stops.filter(({ scope }) => scope === null);
  const policy = whole.filter(({ by }) => by === "fail_fast" || by === "recovery");
  const asked = whole.filter(({ by }) => by === "cancel" || by === "deadline");
  const states = new Set<RunState>();
  for (const { by } of asked) states.add(by === "cancel" ? "cancelled" : "timed_out");
  const failed = policy.length > 0 && rules.stoppedScopeFails;
  if (failed) {
    const from = Math.min(...policy.map((stop) => stop.from));
    // Who comes later finds a run that is being stopped already.
    if (asked.every(({ until }) => from <= until)) states.add("failed");
  }
  if (states.size === 0) states.add(ownState(seen, endingOf, rules));
  return states;
}
