/** When a step may start, and what is decided then. */
import { evaluate, readsOf, type Verdict } from "./expressions.ts";
import type { Rules } from "./rules.ts";
import type { Condition, Ending, Seen, Step, Workflow } from "./words.ts";

/** What may be decided about a step, in the order of the contract. */
export type Decision =
  | { readonly kind: "run" }
  /** `names`: the dependency that the reason has to name. */
  | { readonly kind: "join says no"; readonly names?: string }
  | { readonly kind: "when is false" }
  | { readonly kind: "not to be evaluated" }
  | { readonly kind: "precondition" };

const checksOf = (conditions: readonly Condition[] = []): string[] =>
  conditions.filter((one) => typeof one !== "string").map(({ check }) => check);

const namesOf = (conditions: readonly Condition[] = []): string[] =>
  conditions.filter((one) => typeof one === "string");

/** All steps that it names: in `needs`, in expressions, and through conditions. In this order, each once. */
export function dependenciesOf(workflow: Workflow, step: Step): string[] {
  const texts = [
    ...Object.values(step.with ?? {}),
    ...[step.when, step.forEach].filter((text) => text !== undefined),
    ...checksOf(step.preconditions),
  ];
  const wanted = namesOf(step.preconditions);
  const establishing = workflow.steps.filter((other) =>
    namesOf(other.postconditions).some((name) => wanted.includes(name)),
  );
  return [
    ...new Set([
      ...(step.needs ?? []),
      ...texts.flatMap(readsOf),
      ...establishing.map(({ id }) => id),
    ]),
  ];
}

/** An order in which every step comes after its dependencies. */
export function dependenciesFirst(workflow: Workflow): Step[] {
  const byId = new Map(workflow.steps.map((step) => [step.id, step]));
  const ordered = new Set<Step>();
  const visit = (step: Step): void => {
    if (ordered.has(step)) return;
    for (const id of dependenciesOf(workflow, step)) visit(byId.get(id)!);
    ordered.add(step);
  };
  for (const step of workflow.steps) visit(step);
  return [...ordered];
}

/** Whether every step stands behind its dependencies, so that `sequential` means the order of the document. */
const isInOrder = (workflow: Workflow): boolean =>
  dependenciesFirst(workflow).every((step, index) => step === workflow.steps[index]);

/** Looks for how steps ended: as the model says where it knows, as it was seen elsewhere. */
export type Endings = (id: string) => Ending;

/**
 * From when on a step can be decided, in milliseconds; -Infinity: from the beginning.
 */
export function decidableFrom(
  { workflow }: Seen,
  step: Step,
  endingOf: Endings,
  rules: Rules,
): number {
  const ends = dependenciesOf(workflow, step).map(endingOf);
  const times = ends.map(({ finishedAt }) => finishedAt);
  const first = ends
    .filter(({ outcome }) => outcome === "completed")
    .map(({ finishedAt }) => finishedAt);
  const early = step.join === "any" && rules.anyStartsWithFirst && first.length > 0;
  const joined = early ? Math.min(...first) : Math.max(-Infinity, ...times);
  const before = workflow.steps[workflow.steps.indexOf(step) - 1];
  return workflow.mode === "sequential" && before !== undefined && isInOrder(workflow)
    ? Math.max(joined, endingOf(before.id).finishedAt)
    : joined;
}

function joinSays(
  { workflow }: Seen,
  step: Step,
  endingOf: Endings,
  rules: Rules,
): { runs: boolean; names?: string } {
  const on = dependenciesOf(workflow, step);
  if (on.length === 0) return { runs: true };
  const completed = (id: string) => endingOf(id).outcome === "completed";
  switch (step.join ?? "all") {
    case "settled":
      if (rules.settledAlwaysRuns) return { runs: true };
      return { runs: on.every(completed) };
    case "any":
      return { runs: on.some(completed) || !rules.anyNeedsOne };
    case "all": {
      const isOptional = (id: string) =>
        rules.optionalFulfillsJoin &&
        workflow.steps.find((other) => other.id === id)?.optional === true;
      const first = on.find((id) => !completed(id) && !isOptional(id));
      return first === undefined ? { runs: true } : { runs: false, names: first };
    }
  }
}

/** What `text` may yield when it is read between `from` and the end of the step. */
function verdictsOf(
  { history }: Seen,
  step: Step,
  text: string,
  from: number,
  endingOf: Endings,
): Set<Verdict> {
  const end = history.endings[step.id]?.finishedAt ?? Infinity;
  const verdicts = new Set<Verdict>();
  for (const known of [true, false]) {
    const view = (id: string) => {
      const ending = endingOf(id);
      // Only an `any` step can be decided before what it reads has ended.
      if (step.join !== "any" || ending.finishedAt < from) return ending;
      if (ending.finishedAt > end) return undefined;
      return known ? ending : undefined;
    };
    verdicts.add(evaluate(text, view));
  }
  return verdicts;
}

/** Everything that may be decided about a step whose scope was not stopped. */
export function decisionsOf(seen: Seen, step: Step, endingOf: Endings, rules: Rules): Decision[] {
  const join = joinSays(seen, step, endingOf, rules);
  const joinSkips: Decision = {
    kind: "join says no",
    ...(join.names === undefined ? {} : { names: join.names }),
  };
  if (!join.runs && rules.joinComesBeforeWhen) return [joinSkips];
  const from = decidableFrom(seen, step, endingOf, rules);
  const read = (text: string) => verdictsOf(seen, step, text, from, endingOf);
  const decisions: Decision[] = [];
  const whens = step.when === undefined ? new Set<Verdict>(["true"]) : read(step.when);
  if (whens.has("false")) decisions.push({ kind: rules.whenSkips ? "when is false" : "run" });
  if (whens.has("error"))
    decisions.push({ kind: rules.unevaluableFails ? "not to be evaluated" : "when is false" });
  if (!whens.has("true")) return decisions;
  if (!join.runs) return [...decisions, joinSkips];
  const others = Object.values(step.with ?? {}).filter((text) => text.startsWith("${{ input."));
  if (others.length > 0 || (step.forEach !== undefined && itemsOf(step) === undefined))
    return [...decisions, { kind: rules.unevaluableFails ? "not to be evaluated" : "run" }];
  const checks = checksOf(step.preconditions).map(read);
  if (checks.some((check) => check.has("false") || check.has("error")) && rules.preconditionFails)
    decisions.push({ kind: "precondition" });
  if (checks.every((check) => check.has("true"))) decisions.push({ kind: "run" });
  return decisions;
}

/** How many items a forEach has; `undefined`: it yields no list. */
export function itemsOf(step: Step): number | undefined {
  if (step.forEach?.startsWith("[") !== true) return undefined;
  return (JSON.parse(step.forEach) as unknown[]).length;
}
