import { Environment } from "@marcbachmann/cel-js";

import type { Json } from "../documents/json.ts";
import { messageOf, TuttiError } from "../errors.ts";
import { Budget, LimitExceeded } from "./budget.ts";
import { compileTree, isNode, type Evaluate, type Node } from "./evaluate.ts";
import { ADDED_SIGNATURES } from "./functions.ts";
import { withPlainLiterals } from "./literals.ts";
import { Fault, fault, toJson } from "./values.ts";

/** Names an expression may use, by the place where it stands. */
export type Scope = "step" | "item" | "result" | "check" | "undo" | "key" | "binding" | "usage";

/** Which variables exist in which place. `secrets` never reaches a place whose value is stored. */
const VARIABLES: Record<Scope, readonly string[]> = {
  /** `with` of a step. */
  step: ["input", "steps", "secrets", "run"],
  /** The same inside `forEach`. */
  item: ["input", "steps", "secrets", "run", "item", "index"],
  /** `when`, `forEach`, `success`, `output`, conditions: decided, stored or shown. */
  result: ["input", "steps", "run"],
  /** `postconditions`: about what the step itself returned. */
  check: ["input", "steps", "run", "output"],
  /** `with` of a compensation: about the call that is undone. */
  undo: ["input", "run", "secrets", "output", "item", "index"],
  /** `key` of a step: known when the run is created. */
  key: ["input", "run"],
  /** Command lines and requests of the tool catalogue. */
  binding: ["args", "secrets"],
  /** `actual` of a budget: about the call that has returned. */
  usage: ["result", "args"],
};

const LIMITS = {
  maxAstNodes: 2_000,
  maxDepth: 60,
  maxListElements: 500,
  maxMapEntries: 500,
  maxCallArguments: 16,
};

/** Longest text of one expression. Characters. */
const MAX_EXPRESSION_CHARS = 10_000;

/**
 * The checker has to know what the evaluator can do. Both operators and functions are called by the evaluator
 * of this folder alone; the handlers given here only have the signatures.
 */
function withAdditions(environment: Environment): Environment {
  const never = (): never => fault("not evaluated here");
  for (const sign of ["+", "-", "*", "/", "%"]) {
    environment.registerOperator(`double ${sign} int`, never);
    environment.registerOperator(`int ${sign} double`, never);
  }
  // CEL has no `%` for doubles, yet every number of a JSON document is one.
  environment.registerOperator("double % double", never);
  for (const signature of ADDED_SIGNATURES) environment.registerFunction(signature, never);
  return environment;
}

function environmentFor(scope: Scope, itemName: string): Environment {
  const environment = withAdditions(
    new Environment({
      unlistedVariablesAreDyn: false,
      homogeneousAggregateLiterals: false,
      enableOptionalTypes: true,
      limits: LIMITS,
    }),
  );
  for (const name of VARIABLES[scope])
    environment.registerVariable(name === "item" ? itemName : name, "dyn");
  return environment;
}

const environments = new Map<string, Environment>();

/** Building an environment is dear, so each is built once. */
function cachedEnvironment(scope: Scope, itemName: string): Environment {
  const key = `${scope} ${itemName}`;
  let environment = environments.get(key);
  if (environment === undefined) {
    environment = environmentFor(scope, itemName);
    // Items can be called anything; a server that lives long must not keep every name it ever heard.
    if (environments.size >= 100) environments.clear();
    environments.set(key, environment);
  }
  return environment;
}

/** What an expression reads of the world outside itself. */
export interface References {
  readonly steps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  /** Whether the input is read: the run's `input`, in a binding the `args` of the call. */
  readonly readsInput: boolean;
}

/** An expression that was parsed and checked. */
export interface Expression extends References {
  readonly source: string;
  /**
   * `budget` is shared by expressions that belong together.
   *
   * @throws TuttiError `reference_missing`, `work_limit_exceeded`.
   */
  evaluate(variables: Readonly<Record<string, unknown>>, budget?: Budget): Json;
}

/** The name in `root.name` or `root["name"]`, when `node` is such an access. */
function memberOf(node: Node, root: string): string | undefined | false {
  if (
    (node.op !== "." && node.op !== "[]" && node.op !== ".?" && node.op !== "[?]") ||
    !Array.isArray(node.args)
  )
    return false;
  const [object, key] = node.args as unknown[];
  if (!isNode(object) || object.op !== "id" || object.args !== root) return false;
  if (typeof key === "string") return key;
  return isNode(key) && key.op === "value" && typeof key.args === "string" ? key.args : undefined;
}

/** Walks the tree once: collects references, refuses what could run long or cannot be known before the run. */
function collect(root: unknown): References {
  const found = { steps: new Set<string>(), secrets: new Set<string>(), readsInput: false };
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) {
      for (const one of value) visit(one);
      return;
    }
    if (!isNode(value)) return;
    if (value.op === "id" && (value.args === "input" || value.args === "args"))
      found.readsInput = true;
    if (value.op === "rcall" && Array.isArray(value.args) && value.args[0] === "matches") {
      throw new Refused(
        "matches() is not available: its regular expressions can run for ever; use contains(), startsWith() or endsWith()",
      );
    }
    for (const name of ["steps", "secrets"] as const) {
      const member = memberOf(value, name);
      if (member === undefined)
        throw new Refused(
          `${name}[...] needs a name that is known before the run, such as ${name}.x`,
        );
      if (member !== false) {
        found[name].add(member);
        return;
      }
      if (value.op === "id" && value.args === name) {
        throw new Refused(`${name} cannot be used as a whole; name one: ${name}.x`);
      }
    }
    visit(value.args);
  };
  visit(root);
  return found;
}

const shortened = (source: string) => source.trim().slice(0, 200);

/** A reason of ours to refuse an expression, as opposed to one of the parser's. */
class Refused extends Error {
  override readonly name = "Refused";
}

/** The first line of the parser's message; the rest is a drawing of the source. */
function reasonOf(thrown: unknown): string {
  return messageOf(thrown).split("\n", 1)[0] ?? "";
}

/** Whether a forEach may call its item so: a plain word that means nothing else. */
export function isItemName(name: string): boolean {
  return /^[a-z][A-Za-z0-9_]{0,30}$/.test(name) && !RESERVED.has(name);
}

const RESERVED: ReadonlySet<string> = new Set([
  ...Object.values(VARIABLES)
    .flat()
    // An item may be called `result`: the two never meet.
    .filter((name) => name !== "item" && name !== "result"),
  ..."true false null in as break const continue else for function if import let loop package namespace return var void while has cel size string int uint double bool bytes type dyn timestamp duration optional list map".split(
    " ",
  ),
]);

/**
 * Parses and checks one CEL expression. `itemName` is what the item of a forEach is called (scope `item`).
 *
 * @throws TuttiError `expression_invalid` with the reason.
 */
export function parseExpression(source: string, scope: Scope, itemName = "item"): Expression {
  const fail = (reason: string, cause?: unknown): never => {
    throw new TuttiError("expression_invalid", `\${{ ${shortened(source)} }}: ${reason}`, {
      cause,
    });
  };
  if (source.length > MAX_EXPRESSION_CHARS) fail(`longer than ${MAX_EXPRESSION_CHARS} characters`);
  let evaluate: Evaluate;
  let references: References;
  try {
    const parsed = cachedEnvironment(scope, itemName).parse(withPlainLiterals(source));
    references = collect(parsed.ast);
    const check = parsed.check();
    if (!check.valid) return fail(reasonOf(check.error), check.error);
    evaluate = compileTree(parsed.ast);
  } catch (thrown) {
    if (thrown instanceof TuttiError) throw thrown;
    return fail(reasonOf(thrown), thrown);
  }
  return {
    source: source.trim(),
    ...references,
    evaluate(variables, budget = new Budget()) {
      try {
        return toJson(evaluate(variables, budget), budget);
      } catch (thrown) {
        throw toTuttiError(thrown, source, withoutOutput(references.steps, variables));
      }
    },
  };
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null
    ? Object.getOwnPropertyDescriptor(value, name)?.value
    : undefined;

const HOW_IT_ENDED: Readonly<Record<string, string>> = {
  skipped: "was skipped",
  cancelled: "was cancelled",
  failed: "failed",
};

/** The steps that an expression reads and that have no output, each with how that came. */
function withoutOutput(
  ids: ReadonlySet<string>,
  { steps }: Readonly<Record<string, unknown>>,
): { readonly step: string; readonly state: string }[] {
  return [...ids].flatMap((step) => {
    const view = fieldOf(steps, step);
    const state = fieldOf(view, "state");
    if (typeof state !== "string" || fieldOf(view, "output") !== undefined) return [];
    return [{ step, state }];
  });
}

/** Why an expression has no value, as an error of ours. What is a fault of ours stays what it is. */
function toTuttiError(
  thrown: unknown,
  source: string,
  lacking: readonly { readonly step: string; readonly state: string }[],
): unknown {
  const place = `\${{ ${shortened(source)} }}`;
  if (thrown instanceof LimitExceeded)
    return new TuttiError("work_limit_exceeded", `${place}: ${thrown.message}`, {
      cause: thrown,
      details: { limit: thrown.limit, max: thrown.max },
    });
  if (thrown instanceof Fault) {
    const why = lacking.map(
      ({ step, state }) => `; step ${step} ${HOW_IT_ENDED[state] ?? `is ${state}`}`,
    );
    return new TuttiError("reference_missing", `${place}: ${thrown.message}${why.join("")}`, {
      cause: thrown,
      ...(lacking.length === 0 ? {} : { details: { withoutOutput: lacking } }),
    });
  }
  return thrown;
}
