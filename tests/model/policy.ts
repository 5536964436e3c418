/** What a failure does: policies, their scopes, and the stops that a history holds. */
import type { Rules } from "./rules.ts";
import { stepOf, type Policy, type Seen, type Step, type Workflow } from "./words.ts";

/** `null`: the whole run. */
export type Scope = string | null;

/** Something that stopped a scope. Times are milliseconds since 1970. */
export interface Stop {
  readonly scope: Scope;
  readonly by: "cancel" | "deadline" | "fail_fast" | "recovery";
  /** What ended before this stays as it is. */
  readonly from: number;
  /** What could be decided only after this is cancelled. */
  readonly until: number;
  /** The step whose failure it was. */
  readonly cause?: string;
}

type ErrorClass = "rate_limited" | "transient" | "invalid" | "unknown";

const RETRYABLE = new Set(["step_execution_failed", "tool_timeout", "tool_unavailable"]);
const UNKNOWN = new Set(["effect_unknown", "worker_lost"]);
/** The call that `adaptive` stops at, of those of its scope that failed for a transient reason. */
const TRANSIENT_LIMIT = 3;

export const isRetryable = (code: string): boolean => RETRYABLE.has(code);

function classOf(code: string): ErrorClass {
  if (UNKNOWN.has(code)) return "unknown";
  return isRetryable(code) ? "transient" : "invalid";
}

/** The policies that a failure of the step meets, each with its scope. */
function policiesOf(
  workflow: Workflow,
  step: Step,
  rules: Rules,
): { policy: Policy; scope: Scope }[] {
  if (step.optional === true && rules.optionalHasNoPolicy) return [];
  const group = step.group === undefined ? undefined : (workflow.groups?.[step.group] ?? {});
  const ofWorkflow = workflow.onError ?? "resilient";
  const own = rules.ownPolicyFirst ? step.onError : undefined;
  const ofGroup = rules.groupPolicyBeforeWorkflow ? group?.onError : undefined;
  const bounded = group?.onError !== undefined;
  const scope: Scope = bounded && rules.groupKeepsFailuresInside ? step.group! : null;
  const found = [{ policy: own ?? ofGroup ?? ofWorkflow, scope }];
  if (bounded && group.escalate === true && rules.escalateAsksWorkflow)
    found.push({ policy: ofWorkflow, scope: null });
  return found;
}

export const covers = (stop: Pick<Stop, "scope">, step: Step): boolean =>
  stop.scope === null || stop.scope === step.group;

interface Failure {
  readonly step: Step;
  readonly code: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Calls that failed, and steps that failed without one, in order. */
function failuresOf({ workflow, history }: Seen, rules: Rules): Failure[] {
  const failures: Failure[] = [];
  for (const step of workflow.steps) {
    const own = history.endings[step.id];
    const items = Object.entries(history.endings).filter(
      ([key, { outcome }]) => key !== step.id && stepOf(key) === step.id && outcome === "failed",
    );
    for (const [, { code = "", finishedAt }] of items)
      failures.push({ step, code, at: finishedAt });
    const stops = step.forEach === undefined || rules.forEachItselfStops;
    if (items.length === 0 && own?.outcome === "failed" && stops)
      failures.push({ step, code: own.code ?? "", at: own.finishedAt });
  }
  return failures.toSorted((a, b) => a.at - b.at);
}

function stopsOfFailures(seen: Seen, rules: Rules): Stop[] {
  const stops: Stop[] = [];
  const transient = new Map<Scope, number>();
  for (const { step, code, at } of failuresOf(seen, rules)) {
    const policies = policiesOf(seen.workflow, step, rules);
    for (const [index, { policy, scope }] of policies.entries()) {
      const stop = { scope, from: at, until: at, cause: step.id };
      if (policy === "fail_fast" && rules.failFastStops) stops.push({ ...stop, by: "fail_fast" });
      if (policy === "recovery" && rules.recoveryStops) stops.push({ ...stop, by: "recovery" });
      if (policy !== "adaptive") continue;
      const kind = classOf(code);
      if (kind === "unknown" && rules.adaptiveStopsOnUnknown)
        stops.push({ ...stop, by: "recovery" });
      if (kind !== "transient" || !rules.adaptiveCountsToThree) continue;
      const again = index > 0 && policies[0]?.policy === "adaptive";
      if (again && !rules.adaptiveCountsEscalated) continue;
      const count = (transient.get(scope) ?? 0) + 1;
      transient.set(scope, count);
      if (count >= TRANSIENT_LIMIT) stops.push({ ...stop, by: "fail_fast" });
    }
  }
  if (rules.failureStopsAtOnce) return stops;
  return stops.map((stop) => ({ ...stop, until: firstCancelled(seen, stop, []) }));
}

/** Everything that stopped something in this history. */
export function stopsOf(seen: Seen, rules: Rules): Stop[] {
  const { workflow, history } = seen;
  const stops = stopsOfFailures(seen, rules);
  const { cancel } = history;
  if (cancel !== undefined)
    stops.push({ scope: null, by: "cancel", from: cancel.asked, until: cancel.answered });
  if (history.state === "timed_out" && workflow.timeoutMs !== undefined) {
    const from = history.startedAt + workflow.timeoutMs;
    stops.push({
      scope: null,
      by: "deadline",
      from,
      until: firstCancelled(seen, { scope: null, from }, stops),
    });
  }
  return stops;
}

/** Nobody sees a stop being written; the first step that nothing else cancelled shows that it was. */
function firstCancelled(
  { workflow, history }: Seen,
  stop: Pick<Stop, "scope" | "from">,
  others: readonly Stop[],
): number {
  const times = workflow.steps
    .filter((step) => covers(stop, step))
    .map((step) => ({ step, ending: history.endings[step.id] }))
    .filter(({ step, ending }) => {
      if (ending?.outcome !== "cancelled" || ending.finishedAt < stop.from) return false;
      return !others.some((other) => covers(other, step) && other.from <= ending.finishedAt);
    })
    .map(({ ending }) => ending!.finishedAt);
  return Math.min(history.finishedAt, ...times);
}
