import { Environment } from "@marcbachmann/cel-js";

import type { Json } from "../documents/json.ts";
import { messageOf, TuttiError } from "../errors.ts";
import { Budget, LimitExceeded } from "./budget.ts";
import { compileTree, isNode, type Evaluate, type Node } from "./evaluate.ts";
import { ADDED_SIGNATURES } from "./functions.ts";
import { withPlainLiterals } from "./literals.ts";
import { Fault, fault, toJson } from "./values.ts";

/** The place of an expression, which decides the names it may use. */
export type Scope = "step" | "item" | "result" | "check" | "undo" | "key" | "binding" | "usage";

/** The variables in each place. `secrets` never reaches a place whose value is stored. */
const VARIABLES: Record<Scope, readonly string[]> = {
  /** `with` of a step. */
  step: ["input", "steps", "secrets", "run"],
  /** The same inside `forEach`. */
  item: ["input", "steps", "secrets", "run", "item", "index"],
  /** `when`, `forEach`, `success`, `output`, conditions: the value is decided on, stored or shown. */
  result: ["input", "steps", "run"],
  /** `postconditions`: about the output of the step itself. */
  check: ["input", "steps", "run", "output"],
  /** `with` of a compensation: about the call to undo. */
  undo: ["input", "run", "secrets", "output", "item", "index"],
  /** `key` of a step: known when the run is created. */
  key: ["input", "run"],
  /** Command lines and requests of the tool catalogue. */
  binding: ["args", "secrets"],
  /** `actual` of a budget: about the ended call. */
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
 * Tells the checker what the evaluator can do. Only the evaluator of this folder calls operators and functions; the
 * handlers given here provide only signatures.
 */
function withAdditions(environment: Environment): Environment {
  const never = (): never => fault("not evaluated here");
  for (const sign of ["+", "-", "*", "/", "%"]) {
    environment.registerOperator(`double ${sign} int`, never);
    environment.registerOperator(`int ${sign} double`, never);
  }
  // CEL has no `%` for doubles, but every number in a JSON document is one.
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

/** Environments are expensive to build, so each is built once. */
function cachedEnvironment(scope: Scope, itemName: string): Environment {
  const key = `${scope} ${itemName}`;
  let environment = environments.get(key);
  if (environment === undefined) {
    environment = environmentFor(scope, itemName);
    // Items can have any name, and a long-lived server must not keep every name it ever saw.
    if (environments.size >= 100) environments.clear();
    environments.set(key, environment);
  }
  return environment;
}

/** What an expression reads from outside. */
export interface References {
  readonly steps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  /** Whether it reads the input: the run's `input`, or in a binding the `args` of the call. */
  readonly readsInput: boolean;
}

/** A parsed and checked expression. */
export interface Expression extends References {
  readonly source: string;
  /**
   * Expressions that belong together share a `budget`.
   *
   * @throws TuttiError `reference_missing`, `work_limit_exceeded`.
   */
  evaluate(variables: Readonly<Record<string, unknown>>, budget?: Budget): Json;
}

/** The name in `root.name` or `root["name"]`, if `node` is such an access. */
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

/** Walks the tree once: collects references, and refuses what could run long or cannot be known before the run. */
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

/** A reason of Tutti to refuse an expression, not of the parser. */
class Refused extends Error {
  override readonly name = "Refused";
}

/** The first line of the parser's message; the rest draws the source. */
function reasonOf(thrown: unknown): string {
  return messageOf(thrown).split("\n", 1)[0] ?? "";
}

/** Whether a forEach's item may have this name: a plain word without another meaning. */
export function isItemName(name: string): boolean {
  return /^[a-z][A-Za-z0-9_]{0,30}$/.test(name) && !RESERVED.has(name);
}

const RESERVED: ReadonlySet<string> = new Set([
  ...Object.values(VARIABLES)
    .flat()
    // An item may be named `result`, because the two never meet.
    .filter((name) => name !== "item" && name !== "result"),
  ..."true false null in as break const continue else for function if import let loop package namespace return var void while has cel size string int uint double bool bytes type dyn timestamp duration optional list map".split(
    " ",
  ),
]);

/**
 * Parses and checks one CEL expression. `itemName` is the name of a forEach's item (scope `item`).
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

/** The steps without output that an expression reads, each with the reason. */
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

/** Converts the reason why an expression has no value to a TuttiError. Bugs of Tutti stay as they are. */
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
