import type { Json } from "../documents/json.ts";
import { isTuttiError, TuttiError } from "../errors.ts";
import { Budget } from "./budget.ts";
import { parseExpression, type Expression, type References, type Scope } from "./expression.ts";
import { literalAt } from "./literals.ts";

/** A JSON value in which any text may contain `${{ expression }}`. */
export interface Template extends References {
  /** Whether it contains an expression or an escape, so that rendering changes anything. */
  readonly dynamic: boolean;
  /**
   * Evaluates the expressions. A text that is one whole expression takes the type of its value; inside longer text, the
   * value is written out.
   *
   * `budget` bounds the work of all expressions. Templates that are rendered together share one.
   *
   * @throws TuttiError `reference_missing` if a value does not exist, `work_limit_exceeded`.
   */
  render(variables: Readonly<Record<string, unknown>>, budget?: Budget): Json;
}

const OPEN = "${{";
/** Deepest nesting of a value. */
const MAX_DEPTH = 100;

type Part = string | Expression;

/** The end of the expression that starts at `from`: the first `}}` outside quotes and inner braces. */
function endOfExpression(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const literal = literalAt(text, at);
    if (literal === null) return -1;
    if (literal !== undefined) {
      at = literal.end - 1;
      continue;
    }
    const char = text[at];
    if (char === "{") depth++;
    else if (char === "}") {
      if (depth === 0 && text[at + 1] === "}") return at;
      depth--;
    }
  }
  return -1;
}

/** Splits text into literal parts and expressions. `$${{` stands for a literal `${{`. */
function split(text: string, scope: Scope, itemName: string): Part[] {
  const parts: Part[] = [];
  let literal = "";
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf(OPEN, at);
    if (open === -1) break;
    if (text[open - 1] === "$") {
      literal += text.slice(at, open - 1) + OPEN;
      at = open + OPEN.length;
      continue;
    }
    const end = endOfExpression(text, open + OPEN.length);
    if (end === -1)
      throw new TuttiError(
        "expression_invalid",
        `\${{ without its closing }} in "${text.slice(0, 200)}"`,
      );
    literal += text.slice(at, open);
    if (literal !== "") parts.push(literal);
    literal = "";
    parts.push(parseExpression(text.slice(open + OPEN.length, end), scope, itemName));
    at = end + 2;
  }
  literal += text.slice(at);
  if (literal !== "" || parts.length === 0) parts.push(literal);
  return parts;
}

/** Writes a value into longer text. */
export type WriteValue = (value: Json) => string;

const written: WriteValue = (value) => (typeof value === "string" ? value : JSON.stringify(value));

type Render = (variables: Readonly<Record<string, unknown>>, budget: Budget) => Json;

interface Collected {
  readonly scope: Scope;
  readonly itemName: string;
  readonly steps: Set<string>;
  readonly secrets: Set<string>;
  dynamic: boolean;
  readsInput: boolean;
  readonly write: WriteValue;
}

/** The path of a text in a value: `report.lines[2]`. */
const fieldOf = (at: string, key: string | number): string =>
  typeof key === "number"
    ? `${at}[${key}]`
    : WORD.test(key)
      ? `${at}.${key}`
      : `${at}[${JSON.stringify(key)}]`;
const WORD = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** The same for a value with a name: errors say which field has no value. */
function placed(render: Render, field: string): Render {
  return (variables, budget) => {
    try {
      return render(variables, budget);
    } catch (thrown) {
      if (!isTuttiError(thrown)) throw thrown;
      const { code, message, details, cause } = thrown;
      throw new TuttiError(code, `${field}: ${message}`, { details: { ...details, field }, cause });
    }
  };
}

function compileText(text: string, found: Collected): Render {
  const parts = split(text, found.scope, found.itemName);
  for (const part of parts) {
    if (typeof part === "string") continue;
    found.dynamic = true;
    if (part.readsInput) found.readsInput = true;
    for (const step of part.steps) found.steps.add(step);
    for (const secret of part.secrets) found.secrets.add(secret);
  }
  const [only] = parts;
  if (only !== text) found.dynamic = true;
  if (parts.length === 1 && only !== undefined) {
    return typeof only === "string"
      ? () => only
      : (variables, budget) => only.evaluate(variables, budget);
  }
  return (variables, budget) =>
    parts
      .map((part) =>
        typeof part === "string" ? part : found.write(part.evaluate(variables, budget)),
      )
      .join("");
}

/** `at`: path of the value; null if the whole value has no name. */
function compileValue(value: Json, found: Collected, depth: number, at: string | null): Render {
  if (depth > MAX_DEPTH)
    throw new TuttiError("expression_invalid", `nested deeper than ${MAX_DEPTH} levels`);
  if (typeof value === "string") {
    const render = compileText(value, found);
    return at === null ? render : placed(render, at);
  }
  if (value === null || typeof value !== "object") return () => value;
  const inner = (one: Json, key: string | number): Render =>
    compileValue(one, found, depth + 1, at === null ? null : fieldOf(at, key));
  if (Array.isArray(value)) {
    const items = value.map((one: Json, index) => inner(one, index));
    return (variables, budget) => items.map((render) => render(variables, budget));
  }
  const fields = Object.entries(value).map(([key, one]) => [key, inner(one, key)] as const);
  return (variables, budget) =>
    Object.fromEntries(fields.map(([key, render]) => [key, render(variables, budget)]));
}

/**
 * Compiles a JSON value with expressions.
 *
 * `itemName` is the name of a forEach's item. `write` puts values inside longer text; default: texts as they are,
 * everything else as JSON. `name` is the value's name in errors, which then begin with the field that has no value, as
 * in `output.report.lines[2]`; default: no name.
 *
 * @throws TuttiError `expression_invalid`.
 */
export function compileTemplate(
  value: Json,
  scope: Scope,
  options: { readonly itemName?: string; readonly write?: WriteValue; readonly name?: string } = {},
): Template {
  const found: Collected = {
    scope,
    itemName: options.itemName ?? "item",
    write: options.write ?? written,
    steps: new Set(),
    secrets: new Set(),
    dynamic: false,
    readsInput: false,
  };
  const render = compileValue(value, found, 0, options.name ?? null);
  const { steps, secrets, dynamic, readsInput } = found;
  return {
    steps,
    secrets,
    dynamic,
    readsInput,
    render: dynamic ? (variables, budget = new Budget()) => render(variables, budget) : () => value,
  };
}

/** Compiles a condition: `${{ expression }}`, or the bare expression. */
export function compileCondition(text: string, scope: Scope): Template {
  return compileTemplate(text.includes(OPEN) ? text : `${OPEN} ${text} }}`, scope);
}
