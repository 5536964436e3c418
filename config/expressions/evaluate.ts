import { Optional } from "@marcbachmann/cel-js";

import type { Budget } from "./budget.ts";
import { callFunction } from "./functions.ts";
import { negate, OPERATORS } from "./operators.ts";
import { Fault, fault, isMap, keysOf, kindOf, List, mapKey, valueAt } from "./values.ts";

/** A node of the parser's tree, already checked: it uses only what the language has. */
export interface Node {
  readonly op: string;
  readonly args: unknown;
  /** The checker's replacement: the value of a constant, or a macro. */
  readonly meta?: { readonly alternate?: Node; readonly macro?: unknown };
}

export function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "op" in value && "args" in value;
}

interface Evaluation {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly budget: Budget;
}

/** The innermost variable of a macro; `up` leads to the outer ones. */
interface Frame {
  readonly evaluation: Evaluation;
  readonly name?: string;
  value?: unknown;
  readonly up?: Frame;
}

type Run = (frame: Frame) => unknown;

/** Evaluates a checked tree. Each visit of a node costs one step of the budget, longer work more. */
export type Evaluate = (variables: Readonly<Record<string, unknown>>, budget: Budget) => unknown;

export function compileTree(root: Node): Evaluate {
  const run = compile(root);
  return (variables, budget) => run({ evaluation: { variables, budget } });
}

/** The operands of a node, in the form that the parser uses for its `op`. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters, typescript/no-unsafe-type-assertion -- the form is the caller's to know
const partsOf = <T>(node: Node): T => node.args as T;

function compilePair(node: Node): [Run, Run] {
  const [left, right] = partsOf<[Node, Node]>(node);
  return [compile(left), compile(right)];
}

function compile(node: Node): Run {
  const run = compileNode(node);
  return (frame) => {
    frame.evaluation.budget.spend(1);
    return run(frame);
  };
}

function compileNode(node: Node): Run {
  const operator = OPERATORS[node.op];
  if (operator !== undefined) {
    const [left, right] = compilePair(node);
    return (frame) => operator(left(frame), right(frame), frame.evaluation.budget);
  }
  switch (node.op) {
    case "value":
      return () => node.args;
    case "id":
      return compileName(node);
    case ".":
    case "[]":
      return compileAccess(node, false);
    case ".?":
    case "[?]":
      return compileAccess(node, true);
    case "call":
      return compileCall(node);
    case "rcall":
      return compileMethod(node);
    case "list":
      return compileList(node);
    case "map":
      return compileMap(node);
    case "?:":
      return compileTernary(node);
    case "||":
      return compileLogic(node, true);
    case "&&":
      return compileLogic(node, false);
    case "!_": {
      const value = compile(partsOf<Node>(node));
      return (frame) => {
        const found = value(frame);
        return typeof found === "boolean" ? !found : fault(`no such overload: !${kindOf(found)}`);
      };
    }
    case "-_": {
      const value = compile(partsOf<Node>(node));
      return (frame) => negate(value(frame));
    }
    default:
      throw new Error(`the parser made a node of an unknown kind: ${node.op}`);
  }
}

function compileName(node: Node): Run {
  const name = partsOf<string>(node);
  const constant = node.meta?.alternate;
  if (constant !== undefined) return () => constant.args;
  return (frame) => {
    for (let at: Frame | undefined = frame; at !== undefined; at = at.up)
      if (at.name === name) return at.value;
    const value: unknown = Object.getOwnPropertyDescriptor(frame.evaluation.variables, name)?.value;
    return value === undefined ? fault(`Unknown variable: ${name}`) : value;
  };
}

/** The value at a key of a map or an index of a list, or undefined. */
function fieldOf(value: unknown, key: unknown): unknown {
  if (Array.isArray(value)) {
    const kind = kindOf(key);
    if (kind !== "int" && kind !== "double") return undefined;
    const found: unknown = value[Number(key)];
    if (found !== undefined) return found;
    const bound = Number(key) < 0 ? "< 0" : `>= size ${value.length}`;
    return fault(`No such key: index out of bounds, index ${String(key)} ${bound}`);
  }
  return isMap(value) ? valueAt(value, key) : undefined;
}

/** A caught error costs this many steps, because it records the stack where it is created. */
const STEPS_PER_FAULT = 100;

function optionalField(value: unknown, key: unknown, budget: Budget): Optional {
  const holder = value instanceof Optional ? (value.hasValue() ? value.value() : undefined) : value;
  try {
    return holder === undefined ? Optional.none() : Optional.of(fieldOf(holder, key));
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    budget.spend(STEPS_PER_FAULT);
    return Optional.none();
  }
}

function compileAccess(node: Node, optional: boolean): Run {
  const [of, by] = partsOf<[Node, Node | string]>(node);
  const holder = compile(of);
  const key = typeof by === "string" ? () => by : compile(by);
  return (frame) => {
    const value = holder(frame);
    const at = key(frame);
    if (optional || value instanceof Optional)
      return optionalField(value, at, frame.evaluation.budget);
    const found = fieldOf(value, at);
    return found === undefined ? fault(`No such key: ${String(at)}`) : found;
  };
}

function compileCall(node: Node): Run {
  const [name, args] = partsOf<[string, Node[]]>(node);
  if (name === "has" && node.meta?.macro !== undefined) return compileHas(args[0]!);
  const runs = args.map(compile);
  return (frame) =>
    callFunction(
      name,
      false,
      runs.map((run) => run(frame)),
      frame.evaluation.budget,
    );
}

function compileHas(field: Node): Run {
  const [of, key] = partsOf<[Node, string]>(field);
  const holder = compile(of);
  return (frame) => {
    const value = holder(frame);
    return value instanceof Optional
      ? optionalField(value, key, frame.evaluation.budget).hasValue()
      : fieldOf(value, key) !== undefined;
  };
}

function compileMethod(node: Node): Run {
  const [name, receiver, args] = partsOf<[string, Node, Node[]]>(node);
  const comprehension = node.meta?.alternate?.op === "comprehension";
  if (comprehension) return compileLoop(name, compile(receiver), args);
  if (node.meta?.macro !== undefined) return compileMacro(name, receiver, args);
  const runs = args.map(compile);
  if (
    receiver.op === "id" &&
    receiver.args === "optional" &&
    receiver.meta?.alternate !== undefined
  )
    return (frame) =>
      callFunction(
        `optional.${name}`,
        false,
        runs.map((run) => run(frame)),
        frame.evaluation.budget,
      );
  const on = compile(receiver);
  return (frame) =>
    callFunction(
      name,
      true,
      [on(frame), ...runs.map((run) => run(frame))],
      frame.evaluation.budget,
    );
}

function compileMacro(name: string, receiver: Node, args: readonly Node[]): Run {
  if (name === "bind") {
    const [variable, value, body] = [
      partsOf<string>(args[0]!),
      compile(args[1]!),
      compile(args[2]!),
    ];
    return (frame) =>
      body({ evaluation: frame.evaluation, name: variable, value: value(frame), up: frame });
  }
  // `or` and `orValue`: the argument is evaluated only when needed.
  const [on, other] = [compile(receiver), compile(args[0]!)];
  return (frame) => {
    const value = on(frame);
    if (!(value instanceof Optional)) return fault(`optional.${name}() receiver must be optional`);
    if (value.hasValue()) return name === "or" ? value : value.value();
    const instead = other(frame);
    if (name === "or" && !(instead instanceof Optional))
      return fault("optional.or(optional) argument must be optional");
    return instead;
  };
}

function compileList(node: Node): Run {
  const runs = partsOf<Node[]>(node).map(compile);
  return (frame) => {
    const list = new List();
    for (const run of runs) list.push(run(frame));
    return list;
  };
}

function compileMap(node: Node): Run {
  const entries = partsOf<[Node, Node][]>(node).map(
    ([key, value]) => [compile(key), compile(value)] as const,
  );
  return (frame) => {
    const map = new Map<unknown, unknown>();
    for (const [key, value] of entries) map.set(mapKey(key(frame)), value(frame));
    return map;
  };
}

function compileTernary(node: Node): Run {
  const [check, then, otherwise] = partsOf<[Node, Node, Node]>(node);
  const [condition, yes, no] = [compile(check), compile(then), compile(otherwise)];
  return (frame) => {
    const holds = condition(frame);
    if (typeof holds !== "boolean")
      return fault(`Ternary condition must be bool, got '${kindOf(holds)}'`);
    return holds ? yes(frame) : no(frame);
  };
}

/** One side alone decides if it can, even if the other cannot be evaluated. */
function compileLogic(node: Node, decisive: boolean): Run {
  const [left, right] = compilePair(node);
  return (frame) => {
    const first = attempt(left, frame);
    if (first === decisive) return decisive;
    const second = right(frame);
    if (second === decisive) return decisive;
    if (first instanceof Fault) throw first;
    for (const side of [first, second])
      if (typeof side !== "boolean")
        return fault(`Logical operator requires bool operands, got '${kindOf(side)}'`);
    return second;
  };
}

function attempt(run: Run, frame: Frame): unknown {
  try {
    return run(frame);
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    frame.evaluation.budget.spend(STEPS_PER_FAULT);
    return thrown;
  }
}

function itemsOf(value: unknown, budget: Budget): readonly unknown[] {
  if (Array.isArray(value)) return value;
  if (!isMap(value))
    return fault(
      `Expression of type '${kindOf(value)}' cannot be range of a comprehension (must be list, map, or dynamic).`,
    );
  const keys = keysOf(value);
  budget.spendCopies(keys.length);
  return keys;
}

function boolOf(value: unknown, macro: string): boolean {
  return typeof value === "boolean"
    ? value
    : fault(`${macro} predicate must return bool, got '${kindOf(value)}'`);
}

type Loop = (items: readonly unknown[], at: (item: unknown) => Frame) => unknown;

function compileLoop(name: string, range: Run, args: readonly Node[]): Run {
  const variable = partsOf<string>(args[0]!);
  const loop = loopOf(name, args.slice(1).map(compile));
  return (frame) => {
    const items = itemsOf(range(frame), frame.evaluation.budget);
    // One frame for all items, because nothing retains it.
    const own: Frame = { evaluation: frame.evaluation, name: variable, up: frame };
    return loop(items, (item) => {
      own.value = item;
      return own;
    });
  };
}

function loopOf(name: string, [first, second]: readonly Run[]): Loop {
  const body = first!;
  switch (name) {
    case "all":
      return quantified(body, name, false);
    case "exists":
      return quantified(body, name, true);
    case "exists_one":
      return (items, at) => {
        let count = 0;
        for (const item of items) if (boolOf(body(at(item)), "exists_one(var, predicate)")) count++;
        return count === 1;
      };
    case "filter":
      return (items, at) => {
        const kept = new List();
        for (const item of items)
          if (boolOf(body(at(item)), "filter(var, predicate)")) kept.push(item);
        return kept;
      };
    default:
      return mapped(body, second);
  }
}

/** `map(x, transform)` or `map(x, filter, transform)`. */
function mapped(first: Run, second: Run | undefined): Loop {
  return (items, at) => {
    const made = new List();
    for (const item of items) {
      const frame = at(item);
      if (second === undefined) made.push(first(frame));
      else if (boolOf(first(frame), "map(var, filter, transform) filter")) made.push(second(frame));
    }
    return made;
  };
}

/** `all` and `exists`: one item may decide, even if others cannot be evaluated. */
function quantified(body: Run, name: string, decisive: boolean): Loop {
  return (items, at) => {
    let failed: Fault | undefined;
    for (const item of items) {
      const holds = attempt((frame) => boolOf(body(frame), `${name}(var, predicate)`), at(item));
      if (holds instanceof Fault) failed ??= holds;
      else if (holds === decisive) return decisive;
    }
    if (failed !== undefined) throw failed;
    return !decisive;
  };
}
