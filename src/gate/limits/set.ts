import {
  quoted,
  issuesOf,
  nearest,
  TuttiError,
  ValidationError,
  type Issue,
  type ToolRegistry,
  given,
} from "../../../config/index.ts";
import {
  importanceUnits,
  isPrivate,
  type BudgetTake,
  type GateSnapshot,
  type ToolLimits,
} from "../../../queues/client.ts";
import {
  compileBudget,
  compileLimits,
  ownBudget,
  shareUnits,
  type BudgetLimits,
  type GateChanges,
  type GatedLimits,
} from "../../../queues/index.ts";
import { budgetChange, toolChange, type BudgetChange, type ToolChange } from "./forms.ts";

/** What is changed. */
export type GateTarget = { readonly tool: string } | { readonly budget: string };

type Own = Partial<BudgetLimits>;

/** What people set of a tool, over what its catalogue declares. */
interface ToolLayers {
  readonly declared: ToolLimits;
  readonly declaredOwn: Own | undefined;
  readonly set: Partial<GatedLimits>;
  readonly setOwn: Own;
  /** The gate does not know yet what the catalogue says. */
  readonly isNew: boolean;
}

const refuse = (message: string, ...path: (string | number)[]): Issue => ({
  code: "request_invalid",
  message,
  path,
});

/**
 * Compiles new limits of a tool to changes of the gate.
 *
 * @throws TuttiError `tool_not_found`. ValidationError `request_invalid` with every problem.
 */
export function compileToolChange(
  gate: GateSnapshot,
  registry: ToolRegistry,
  tool: string,
  asked: ToolChange,
): GateChanges {
  const layers = toolLayers(gate, registry, tool);
  const parsed = toolChange.safeParse(asked);
  const problems = parsed.success
    ? []
    : issuesOf(parsed.error, "request_invalid", { schema: toolChange, data: asked });
  if (layers === null)
    throw unknownOf("tool", tool, [...registry.ids(), ...gate.tools.keys()], problems);
  if (!parsed.success) throw new ValidationError(problems);
  const { concurrency, rates, cost, resources, importance } = parsed.data;
  const { declared, set, declaredOwn, setOwn } = layers;
  const ownChange: Own = {
    ...given({ slots: concurrency }),
    ...(rates === undefined ? {} : compileBudget({ rates })),
  };
  const nextOwn = { ...setOwn, ...ownChange };
  const whole = { ...declaredOwn, ...nextOwn };
  const before = set.budgets ?? declared.budgets;
  const takes = takesAfter(tool, before, whole, cost);
  const more = costProblems(tool, takes, whole, cost);
  if (more.length > 0) throw new ValidationError(more);
  const needs =
    resources === undefined ? set.needs : needsAfter(set.needs ?? declared.needs, resources);
  const nextSet: Partial<GatedLimits> = {
    ...set,
    ...(takes === before ? {} : { budgets: takes }),
    ...given({ needs }),
    ...(importance === undefined ? {} : { importance: importanceUnits(importance) }),
  };
  const ownName = ownBudget(tool);
  return {
    tools: {
      [tool]: {
        ...(layers.isNew ? { declared } : {}),
        ...(Object.keys(nextSet).length === 0 ? {} : { set: nextSet }),
      },
    },
    budgets: {
      [ownName]: {
        ...(layers.isNew && declaredOwn !== undefined ? { declared: declaredOwn } : {}),
        ...(Object.keys(nextOwn).length === 0 ? {} : { set: nextOwn }),
      },
    },
  };
}

/**
 * Compiles new limits of a named budget.
 *
 * @throws TuttiError `budget_not_found`. ValidationError `request_invalid` with every problem.
 */
export function compileBudgetChange(
  gate: GateSnapshot,
  registry: ToolRegistry,
  budget: string,
  asked: BudgetChange,
): GateChanges {
  const parsed = budgetChange.safeParse(asked);
  const problems = parsed.success
    ? []
    : issuesOf(parsed.error, "request_invalid", { schema: budgetChange, data: asked });
  checkBudget(gate, registry, budget, problems);
  if (!parsed.success) throw new ValidationError(problems);
  const { slots, rates } = parsed.data;
  const change: BudgetLimits = {
    ...given({ slots }),
    ...(rates === undefined ? {} : compileBudget({ rates })),
  };
  const more = [...tooDear(gate, budget, change)];
  if (more.length > 0) throw new ValidationError(more);
  const set = gate.budgetLayers.get(budget)?.set ?? {};
  const declared = declaredBudget(gate, registry, budget);
  return { budgets: { [budget]: { ...declared, set: { ...set, ...change } } } };
}

/**
 * Compiles the way back to what the catalogues declare.
 *
 * @throws TuttiError `tool_not_found`, `budget_not_found`.
 */
export function compileReset(
  gate: GateSnapshot,
  registry: ToolRegistry,
  target: GateTarget,
): GateChanges {
  if ("budget" in target) {
    const { budget } = target;
    checkBudget(gate, registry, budget, []);
    return { budgets: { [budget]: { ...declaredBudget(gate, registry, budget), set: false } } };
  }
  const { tool } = target;
  const layers = toolLayers(gate, registry, tool);
  if (layers === null) throw unknownOf("tool", tool, [...registry.ids(), ...gate.tools.keys()], []);
  const { declared, declaredOwn, isNew } = layers;
  return {
    open: [tool],
    tools: { [tool]: { ...(isNew ? { declared } : {}), set: false } },
    budgets: {
      [ownBudget(tool)]: {
        ...(isNew && declaredOwn !== undefined ? { declared: declaredOwn } : {}),
        set: false,
      },
    },
  };
}

/** @throws TuttiError `budget_not_found`. */
function checkBudget(
  gate: GateSnapshot,
  registry: ToolRegistry,
  budget: string,
  problems: readonly Issue[],
): void {
  const names = [...gate.budgets.keys(), ...Object.keys(registry.budgets())];
  const named = names.filter((name) => !isPrivate(name));
  if (!named.includes(budget)) throw unknownOf("budget", budget, named, problems);
}

/** What the catalogue says, when no worker has told the gate yet. */
function declaredBudget(
  gate: GateSnapshot,
  registry: ToolRegistry,
  budget: string,
): { declared?: BudgetLimits } {
  const spec = registry.budget(budget);
  const isNew = gate.budgetLayers.get(budget)?.declared === undefined;
  return isNew && spec !== undefined ? { declared: compileBudget(spec) } : {};
}

/** Null when nobody knows the tool. */
function toolLayers(gate: GateSnapshot, registry: ToolRegistry, tool: string): ToolLayers | null {
  const ofTool = gate.toolLayers.get(tool);
  const ofOwn = gate.budgetLayers.get(ownBudget(tool));
  const people = { set: ofTool?.set ?? {}, setOwn: ofOwn?.set ?? {} };
  const { needs, budgets, upstream = tool, importance = 1 } = ofTool?.declared ?? {};
  if (needs !== undefined && budgets !== undefined) {
    const declared = { needs, budgets, upstream, importance };
    return { ...people, declared, declaredOwn: ofOwn?.declared, isNew: false };
  }
  const entry = registry.get(tool);
  if (entry === undefined) return null;
  const { limits: declared, own: declaredOwn } = compileLimits(entry.spec);
  return { ...people, declared, declaredOwn, isNew: true };
}

/** The same list when nothing of it changes. */
function takesAfter(
  tool: string,
  before: readonly BudgetTake[],
  own: Own,
  cost: number | undefined,
): readonly BudgetTake[] {
  const name = ownBudget(tool);
  const mine = before.find(([budget]) => budget === name);
  const limited = own.slots !== undefined || (own.rates ?? []).length > 0;
  if (!limited || (mine !== undefined && (cost === undefined || cost === mine[2]))) return before;
  const next: BudgetTake = [name, 1, cost ?? mine?.[2] ?? 1];
  return [next, ...before.filter(([budget]) => budget !== name)];
}

/** A call that costs more than a window has would wait for ever. */
function costProblems(
  tool: string,
  takes: readonly BudgetTake[],
  own: Own,
  cost: number | undefined,
): Issue[] {
  const windows = own.rates ?? [];
  if (cost !== undefined && windows.length === 0)
    return [refuse(`cost means nothing without rates, and ${tool} has none`, "cost")];
  const units = takes.find(([name]) => name === ownBudget(tool))?.[2] ?? 1;
  return windows
    .filter(([max]) => units > max)
    .map(([max, durationMs]) =>
      refuse(
        `expected a call to cost at most ${max}, as ${tool} has ${max} units in ${durationMs} ms, got: ${units}`,
        cost === undefined ? "rates" : "cost",
      ),
    );
}

/** Calls that would take more of a budget than it has in all. */
function* tooDear(gate: GateSnapshot, budget: string, change: BudgetLimits): Generator<Issue> {
  for (const [tool, { limits }] of gate.tools) {
    const [, slots = 0, cost = 0] = limits.budgets.find(([name]) => name === budget) ?? [];
    if (change.slots !== undefined && slots > change.slots)
      yield refuse(
        `expected slots to be at least ${slots}, which a call of ${tool} takes, got: ${change.slots}`,
        "slots",
      );
    for (const [index, [max]] of (change.rates ?? []).entries())
      if (cost > max)
        yield refuse(
          `expected max to be at least ${cost}, which a call of ${tool} costs, got: ${max}`,
          "rates",
          index,
          "max",
        );
  }
}

function needsAfter(
  before: Readonly<Record<string, number>>,
  resources: Readonly<Record<string, number>>,
): Record<string, number> {
  const all: Record<string, number> = { ...before };
  for (const [name, share] of Object.entries(resources)) all[name] = shareUnits(share);
  return Object.fromEntries(Object.entries(all).filter(([, units]) => units > 0));
}

/** What is thrown for a name that nobody knows, with everything else that is wrong. */
function unknownOf(
  kind: "tool" | "budget",
  name: string,
  names: readonly string[],
  problems: readonly Issue[],
): TuttiError {
  const suggestion = nearest(name, names);
  const hint = suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
  const message = `there is no ${kind} ${quoted(name)}`;
  if (problems.length === 0)
    return new TuttiError(`${kind}_not_found`, `${message}${hint}`, {
      details: { [kind]: name, ...given({ suggestion }) },
    });
  return new ValidationError([{ ...refuse(message, kind), ...given({ suggestion }) }, ...problems]);
}
