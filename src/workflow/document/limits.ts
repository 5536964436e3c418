import {
  amountsOf,
  excessesOf,
  excessText,
  ratesOf,
  type BudgetSpec,
  type Excess,
  type ToolSpec,
  placeName,
  shownValue,
} from "../../../config/index.ts";
import type { Step } from "./schema.ts";
import type { Located } from "./shape.ts";

type Path = readonly (string | number)[];

/** A problem of what a call takes; `known` are the names that may have been meant. */
export interface LimitProblem {
  readonly code: Located["code"];
  readonly path: Path;
  readonly message: string;
  readonly given?: string;
  readonly known?: readonly string[];
  readonly at?: Located["at"];
}

/** What a step says itself of the call. */
type Words = Pick<Step, "resources" | "budgets">;

type BudgetOf = (name: string) => BudgetSpec | undefined;

/**
 * What a call could never get: more than a machine, or more than a budget ever has. What the step says
 * itself is blamed where it stands, what its tool says at the name of the tool.
 */
export function* checkLimits(
  { resources = {}, budgets = {} }: Words,
  tool: ToolSpec | undefined,
  budgetOf: BudgetOf,
  path: Path,
): Generator<LimitProblem> {
  for (const [resource, amount] of Object.entries(resources)) {
    if (amount <= 1) continue;
    const where = [...path, "resources", resource];
    const message = `expected ${placeName(where)} to be at most 1, the whole of a machine, got: ${amount}`;
    yield { code: "step_exceeds_capacity", path: where, message };
  }
  if (tool === undefined) return;
  const known = Object.keys(tool.budgets);
  for (const budget of Object.keys(budgets)) {
    if (Object.hasOwn(tool.budgets, budget)) continue;
    const where = [...path, "budgets", budget];
    const message = `expected ${placeName(where)} to be a budget that ${tool.id} uses (${known.join(", ") || "none"}), got: ${shownValue(budget)}`;
    yield { code: "document_invalid", path: where, message, given: budget, known, at: "key" };
  }
  yield* checkTool(tool, path);
  for (const [budget, ofTool] of Object.entries(tool.budgets)) {
    const spec = budgetOf(budget);
    if (spec === undefined) continue;
    const use = Object.hasOwn(budgets, budget) ? budgets[budget] : undefined;
    const amounts = amountsOf(ofTool);
    for (const excess of excessesOf(use === undefined ? amounts : amountsOf(use, amounts), spec)) {
      const said = typeof use === "number" || use?.[excess.field] !== undefined;
      const field = typeof use === "object" ? [excess.field] : [];
      const where = said ? [...path, "budgets", budget, ...field] : [...path, "tool"];
      const what = said ? placeName(where) : `${excess.field} of ${tool.id} (${placeName(where)})`;
      yield exceeds(where, what, `the budget ${budget}`, excess);
    }
  }
}

/** The tool's own rate; a tool that a program registered was not checked with a catalogue. */
function* checkTool({ id, limits }: ToolSpec, path: Path): Generator<LimitProblem> {
  const where = [...path, "tool"];
  for (const windows of Object.values(ratesOf(limits)))
    for (const excess of excessesOf({ slots: 0, cost: limits.cost ?? 1 }, { rates: [...windows] }))
      yield exceeds(where, `cost of ${id} (${placeName(where)})`, "its rate", excess);
}

function exceeds(path: Path, what: string, owner: string, excess: Excess): LimitProblem {
  return { code: "step_exceeds_capacity", path, message: excessText(what, owner, excess) };
}

/** A key where nothing is counted by it. */
export function* checkKey(tool: ToolSpec | undefined, path: Path): Generator<LimitProblem> {
  if (tool === undefined || tool.limits.perKey?.by === "step") return;
  const message = `${placeName(path)} means nothing: ${tool.id} has no limits per key by step`;
  yield { code: "document_invalid", path, message, at: "key" };
}
