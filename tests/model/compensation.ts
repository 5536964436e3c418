/** What has to be undone. */
import { compensationCourse } from "./course.ts";
import { covers, type Scope, type Stop } from "./policy.ts";
import type { Rules } from "./rules.ts";
import { stepOf, type Compensated, type Seen, type Step, type Workflow } from "./words.ts";

/** Scopes that stand under `recovery` whatever happens in them. */
function scopesOf(workflow: Workflow): Scope[] {
  const groups = Object.entries(workflow.groups ?? {})
    .filter(([, { onError }]) => onError === "recovery")
    .map(([name]) => name);
  return workflow.onError === "recovery" ? [null, ...groups] : groups;
}

const isIn = (scope: Scope, step: Step): boolean => covers({ scope }, step);

/**
 * Calls that are compensated, the last completed first. `may`: a scope that was stopped by something else
 * when all of it had ended, and a step's own `recovery` when something else stopped the run.
 */
export function compensationsOf(
  { workflow, script, history }: Seen,
  stops: readonly Stop[],
  rules: Rules,
): Compensated[] {
  if (!rules.recoveryCompensates) return [];
  const need = new Map<string, "must" | "may">();
  const completed = Object.entries(history.endings)
    .filter(([, { outcome }]) => outcome === "completed")
    .toSorted(([, a], [, b]) => b.finishedAt - a.finishedAt);
  const ask = (scope: Scope, how: "must" | "may"): void => {
    for (const [key] of completed) {
      const step = workflow.steps.find(({ id }) => id === stepOf(key))!;
      const isCall = step.forEach === undefined || key !== step.id;
      if (isCall && step.compensate !== undefined && isIn(scope, step) && need.get(key) !== "must")
        need.set(key, how);
    }
  };
  for (const stop of stops) {
    // What is stopped already cannot be stopped again; whether it is undone then is left open.
    const first = stops.every(
      (other) =>
        other.by === "recovery" ||
        (other.from > stop.from && rules.laterStopKeepsCompensation) ||
        (other.scope !== null && other.scope !== stop.scope),
    );
    if (stop.by === "recovery") ask(stop.scope, first ? "must" : "may");
    if (!rules.cancelCompensates) continue;
    for (const scope of scopesOf(workflow)) {
      if (stop.scope !== null && stop.scope !== scope) continue;
      const cut = workflow.steps.some(
        (step) => isIn(scope, step) && history.endings[step.id]?.outcome === "cancelled",
      );
      ask(scope, cut ? "must" : "may");
    }
    // A step's own `recovery` makes its scope one that undoes.
    for (const { onError, group } of workflow.steps) {
      const bounded = group !== undefined && workflow.groups?.[group]?.onError !== undefined;
      const scope: Scope = bounded ? group : null;
      if (onError === "recovery" && (stop.scope === null || stop.scope === scope))
        ask(scope, "may");
    }
  }
  return completed
    .filter(([key]) => need.has(key))
    .map(([key]) => {
      const step = workflow.steps.find(({ id }) => id === stepOf(key))!;
      const course = compensationCourse(step, script[`~${key}`] ?? [], rules);
      return {
        key,
        need: need.get(key)!,
        fails: course.outcome !== "completed",
        calls: course.calls,
      };
    });
}
