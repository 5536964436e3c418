/* oxlint-disable typescript/no-unsafe-type-assertion, typescript/switch-exhaustiveness-check -- `kindOf` has told what a value is; the compiler cannot follow; the last branch is for all other kinds */
import type { Optional } from "@marcbachmann/cel-js";
import { Duration, UnsignedInt } from "@marcbachmann/cel-js/evaluator";

import type { Budget } from "./budget.ts";
import { fault, isMap, keysOf, kindOf, List, sizeOfMap, valueAt, type MapValue } from "./values.ts";

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

export function checkedInt(value: bigint): bigint {
  return value >= MIN_INT && value <= MAX_INT ? value : fault(`integer overflow: ${value}`);
}

/** Converts numbers of all kinds to a form that JavaScript compares exactly. */
function numeric(value: unknown): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  return value instanceof UnsignedInt ? value.value : undefined;
}

/** Whether two values have equal content. Values of different kinds are not equal. */
function isEqual(a: unknown, b: unknown, budget: Budget): boolean {
  budget.spend(1);
  if (a === b) return true;
  const kind = kindOf(a);
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined) return y !== undefined && x == y;
  if (kind !== kindOf(b)) return false;
  switch (kind) {
    case "string":
      budget.spendText((a as string).length);
      return false;
    case "list":
      return areListsEqual(a as readonly unknown[], b as readonly unknown[], budget);
    case "map":
      return areMapsEqual(a as MapValue, b as MapValue, budget);
    case "bytes":
      budget.spendText((a as Uint8Array).length);
      return Buffer.compare(a as Uint8Array, b as Uint8Array) === 0;
    case "timestamp":
      return (a as Date).getTime() === (b as Date).getTime();
    case "duration":
      return nanosOf(a as Duration) === nanosOf(b as Duration);
    case "optional":
      return areOptionalsEqual(a as Optional, b as Optional, budget);
    default:
      return false;
  }
}

function areListsEqual(a: readonly unknown[], b: readonly unknown[], budget: Budget): boolean {
  return a.length === b.length && a.every((one, index) => isEqual(one, b[index], budget));
}

function areMapsEqual(a: MapValue, b: MapValue, budget: Budget): boolean {
  const keys = keysOf(a);
  budget.spendCopies(keys.length);
  if (keys.length !== sizeOfMap(b)) return false;
  return keys.every((key) => {
    const other = valueAt(b, key);
    return other !== undefined && isEqual(valueAt(a, key), other, budget);
  });
}

function areOptionalsEqual(a: Optional, b: Optional, budget: Budget): boolean {
  if (!a.hasValue() || !b.hasValue()) return a.hasValue() === b.hasValue();
  return isEqual(a.value(), b.value(), budget);
}

function isIn(value: unknown, of: unknown, budget: Budget): boolean {
  if (Array.isArray(of)) return of.some((one) => isEqual(value, one, budget));
  if (isMap(of)) return valueAt(of, value) !== undefined;
  return refuse(value, "in", of);
}

/** -1 below, 0 equal, 1 above. NaN for two numbers without an order. */
function compare(a: unknown, b: unknown, sign: string, budget: Budget): number {
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x == y ? 0 : Number.NaN;
  if (typeof a === "string" && typeof b === "string") {
    budget.spendText(4 * Math.min(a.length, b.length));
    return compareTexts(a, b);
  }
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Date && b instanceof Date) return Math.sign(a.getTime() - b.getTime());
  if (a instanceof Duration && b instanceof Duration) {
    const difference = nanosOf(a) - nanosOf(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return refuse(a, sign, b);
}

/** Compares by code points: surrogates stand for the highest ones and sort above what follows them in UTF-16. */
function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a.charCodeAt(at), b.charCodeAt(at)];
    if (x === y) continue;
    const isSurrogate = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    if (isSurrogate(x) !== isSurrogate(y)) return isSurrogate(x) ? 1 : -1;
    return x < y ? -1 : 1;
  }
  return a.length - b.length;
}

function refuse(a: unknown, sign: string, b: unknown): never {
  return fault(`no such overload: ${kindOf(a)} ${sign} ${kindOf(b)}`);
}

const ints: Record<string, (a: bigint, b: bigint) => bigint> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => (b === 0n ? fault("division by zero") : a / b),
  "%": (a, b) => (b === 0n ? fault("modulo by zero") : a % b),
};
const doubles: Record<string, (a: number, b: number) => number> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
};

/**
 * JSON has one kind of number and CEL has two, so `count + 1` would be refused if `count` came from JSON. Mixed
 * arithmetic yields a double, as JSON would.
 */
function calculate(a: unknown, sign: string, b: unknown): unknown {
  const [onInts, onDoubles] = [ints[sign], doubles[sign]];
  if (onInts === undefined || onDoubles === undefined) return refuse(a, sign, b);
  if (typeof a === "bigint" && typeof b === "bigint") return checkedInt(onInts(a, b));
  if (a instanceof UnsignedInt && b instanceof UnsignedInt) {
    const result = onInts(a.value, b.value);
    return result < 0n || result >= 2n ** 64n
      ? fault(`unsigned integer overflow: ${result}`)
      : new UnsignedInt(result);
  }
  const isPlain = (value: unknown) => typeof value === "number" || typeof value === "bigint";
  if (isPlain(a) && isPlain(b)) return onDoubles(Number(a), Number(b));
  return refuse(a, sign, b);
}

/** Timestamps range from year 1 to 9999, as in CEL. */
export function checkedTime(ms: number): Date {
  if (ms >= -62_135_596_800_000 && ms <= 253_402_300_799_999) return new Date(ms);
  return fault("a timestamp outside of the years 1 to 9999");
}

/** About 10,000 years, as in protobuf. */
const MAX_DURATION_NANOS = 315_576_000_000n * 1_000_000_000n;

export const nanosOf = (duration: Duration) =>
  duration.seconds * 1_000_000_000n + BigInt(duration.nanos);

export function durationOf(nanos: bigint): Duration {
  if (nanos > MAX_DURATION_NANOS || nanos < -MAX_DURATION_NANOS)
    fault("a duration of more than 10,000 years");
  return new Duration(nanos / 1_000_000_000n, Number(nanos % 1_000_000_000n));
}

/** Timestamps have milliseconds; anything finer is rounded down. */
function shifted(time: Date, nanos: bigint): Date {
  const total = BigInt(time.getTime()) * 1_000_000n + nanos;
  const ms = total / 1_000_000n;
  return checkedTime(Number(total % 1_000_000n < 0n ? ms - 1n : ms));
}

function add(a: unknown, b: unknown, budget: Budget): unknown {
  if (typeof a === "string" && typeof b === "string") {
    budget.checkLength(a.length + b.length);
    return a + b;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    budget.spendCopies(a.length + b.length);
    const both = new List();
    for (const one of a) both.push(one);
    for (const one of b) both.push(one);
    return both;
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    budget.checkLength(a.length + b.length);
    return new Uint8Array(Buffer.concat([a, b]));
  }
  if (a instanceof Duration && b instanceof Duration) return durationOf(nanosOf(a) + nanosOf(b));
  if (a instanceof Date && b instanceof Duration) return shifted(a, nanosOf(b));
  if (a instanceof Duration && b instanceof Date) return shifted(b, nanosOf(a));
  return calculate(a, "+", b);
}

function subtract(a: unknown, b: unknown): unknown {
  if (a instanceof Duration && b instanceof Duration) return durationOf(nanosOf(a) - nanosOf(b));
  if (a instanceof Date && b instanceof Date)
    return durationOf(BigInt(a.getTime() - b.getTime()) * 1_000_000n);
  if (a instanceof Date && b instanceof Duration) return shifted(a, -nanosOf(b));
  return calculate(a, "-", b);
}

type Operator = (a: unknown, b: unknown, budget: Budget) => unknown;

export const OPERATORS: Readonly<Record<string, Operator>> = {
  "==": isEqual,
  "!=": (a, b, budget) => !isEqual(a, b, budget),
  "<": (a, b, budget) => compare(a, b, "<", budget) < 0,
  "<=": (a, b, budget) => compare(a, b, "<=", budget) <= 0,
  ">": (a, b, budget) => compare(a, b, ">", budget) > 0,
  ">=": (a, b, budget) => compare(a, b, ">=", budget) >= 0,
  in: isIn,
  "+": add,
  "-": subtract,
  "*": (a, b) => calculate(a, "*", b),
  "/": (a, b) => calculate(a, "/", b),
  "%": (a, b) => calculate(a, "%", b),
};

export function negate(value: unknown): unknown {
  if (typeof value === "bigint") return checkedInt(-value);
  if (typeof value === "number") return -value;
  return fault(`no such overload: -${kindOf(value)}`);
}
