import { Optional } from "@marcbachmann/cel-js";
import { UnsignedInt } from "@marcbachmann/cel-js/evaluator";

import { parseJson } from "../documents/json-text.ts";
import { messageOf } from "../errors.ts";
import { type Budget, LimitExceeded } from "./budget.ts";
import { checkedInt, checkedTime } from "./operators.ts";
import { firstPlace, lastPlace, placesOf } from "./search.ts";
import {
  DURATION_UNITS,
  durationIn,
  parseDuration,
  parseTimestamp,
  TIME_FIELDS,
  timeField,
  timestampText,
} from "./time.ts";
import { durationText, fault, kindOf, List, sizeOfMap, typeOf, type Kinds } from "./values.ts";

interface Overload {
  readonly kinds: readonly (keyof Kinds)[];
  readonly apply: (budget: Budget, ...args: readonly unknown[]) => unknown;
}

const overloads = new Map<string, Overload[]>();

/** `string.f` is called on its first argument, `f` is not. */
function define<const K extends readonly (keyof Kinds)[]>(
  name: string,
  kinds: K,
  apply: (budget: Budget, ...args: { readonly [I in keyof K]: Kinds[K[I]] }) => unknown,
): void {
  const known = overloads.get(name);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- called only with arguments of these kinds
  const overload = { kinds, apply } as unknown as Overload;
  if (known === undefined) overloads.set(name, [overload]);
  else known.push(overload);
}

/**
 * Calls the CEL function for the kinds of the arguments. `onReceiver`: written as `a.f(b)`.
 *
 * @throws Fault if no function of this name takes these kinds.
 */
export function callFunction(
  name: string,
  onReceiver: boolean,
  args: readonly unknown[],
  budget: Budget,
): unknown {
  const kinds = args.map(kindOf);
  for (const { kinds: wanted, apply } of overloads.get(onReceiver ? `.${name}` : name) ?? []) {
    if (
      wanted.length === args.length &&
      wanted.every((kind, index) => kind === "dyn" || kind === kinds[index])
    )
      return apply(budget, ...args);
  }
  const shown = onReceiver
    ? `${kinds[0]}.${name}(${kinds.slice(1).join(", ")})`
    : `${name}(${kinds.join(", ")})`;
  return fault(`found no matching overload for '${shown}'`);
}

/** Whether each code unit of the text is a whole character. */
const isPlain = (text: string) => !/[\ud800-\udbff]/.test(text);

/** Number of characters (code points) in a text. */
function countChars(text: string): number {
  if (isPlain(text)) return text.length;
  let count = 0;
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) count++;
  return count;
}

/** Index at which the `count`-th character of the text begins; undefined past its end. */
function unitAt(text: string, count: number): number | undefined {
  if (count < 0 || count > text.length) return undefined;
  if (isPlain(text)) return count;
  let at = 0;
  for (let n = 0; n < count; n++) {
    if (at >= text.length) return undefined;
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
  }
  return at;
}

/** Converts an index in code units to one in characters. */
const charOf = (text: string, unit: number) =>
  BigInt(unit < 0 ? -1 : countChars(text.slice(0, unit)));

const outOfRange = (what: string) => fault(`${what} out of range`);

for (const name of ["size", ".size"]) {
  define(name, ["string"], (budget, text) => {
    budget.spendText(text.length);
    return BigInt(countChars(text));
  });
  define(name, ["bytes"], (_budget, bytes) => BigInt(bytes.length));
  define(name, ["list"], (_budget, list) => BigInt(list.length));
  define(name, ["map"], (budget, map) => {
    const size = sizeOfMap(map);
    budget.spendCopies(size);
    return BigInt(size);
  });
}

define("dyn", ["dyn"], (_budget, value) => value);
define("type", ["dyn"], (_budget, value) => typeOf(value));

define("bool", ["bool"], (_budget, value) => value);
define("bool", ["string"], (_budget, text) => {
  if (["1", "t", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "false", "FALSE", "False"].includes(text)) return false;
  return fault(`bool() conversion error: invalid string value "${text.slice(0, 60)}"`);
});

define("double", ["double"], (_budget, value) => value);
define("double", ["int"], (_budget, value) => Number(value));
define("double", ["uint"], (_budget, value) => Number(value.value));
define("double", ["string"], (_budget, text) => {
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? -Infinity : Infinity;
  if (/^nan$/i.test(text)) return Number.NaN;
  const decimal = text.length <= 400 && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text);
  return decimal ? Number(text) : fault("double() type error: cannot convert to double");
});

function parseInteger(text: string, type: "int" | "uint"): bigint {
  return text.length <= 20 && /^-?\d+$/.test(text)
    ? BigInt(text)
    : fault(`${type}() type error: cannot convert to ${type}`);
}

function truncated(value: number, type: "int" | "uint"): bigint {
  return Number.isFinite(value)
    ? BigInt(Math.trunc(value))
    : fault(`${type}() type error: integer overflow`);
}

define("int", ["int"], (_budget, value) => value);
define("int", ["uint"], (_budget, value) => checkedInt(value.value));
define("int", ["double"], (_budget, value) => checkedInt(truncated(value, "int")));
define("int", ["string"], (_budget, text) => checkedInt(parseInteger(text, "int")));
define("int", ["timestamp"], (_budget, time) => BigInt(Math.floor(time.getTime() / 1_000)));

function unsigned(value: bigint): UnsignedInt {
  return value >= 0n && value < 2n ** 64n
    ? new UnsignedInt(value)
    : fault("uint() type error: cannot convert to uint");
}

define("uint", ["uint"], (_budget, value) => value);
define("uint", ["int"], (_budget, value) => unsigned(value));
define("uint", ["double"], (_budget, value) => unsigned(truncated(value, "uint")));
define("uint", ["string"], (_budget, text) => unsigned(parseInteger(text, "uint")));

define("string", ["string"], (_budget, value) => value);
define("string", ["bool"], (_budget, value) => String(value));
define("string", ["int"], (_budget, value) => String(value));
define("string", ["uint"], (_budget, value) => String(value.value));
define("string", ["double"], (_budget, value) =>
  Math.abs(value) === Infinity ? (value < 0 ? "-Inf" : "+Inf") : String(value));
define("string", ["timestamp"], (_budget, time) => timestampText(time));
define("string", ["duration"], (_budget, duration) => durationText(duration));

function textOf(budget: Budget, bytes: Uint8Array): string {
  budget.checkLength(bytes.length);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return fault("the bytes are not UTF-8");
  }
}

/** Bytes of JSON read in one step. */
const BYTES_PER_STEP = 8;

define("string", ["bytes"], textOf);
define(".string", ["bytes"], textOf);
define("bytes", ["bytes"], (_budget, bytes) => bytes);
define("bytes", ["string"], (budget, text) => {
  budget.checkLength(text.length);
  return new Uint8Array(Buffer.from(text));
});
define(".json", ["bytes"], (budget, bytes) => {
  budget.checkLength(bytes.length);
  budget.spend(bytes.length / BYTES_PER_STEP);
  try {
    return parseJson(textOf(budget, bytes), "reference_missing");
  } catch (thrown) {
    if (thrown instanceof LimitExceeded) throw thrown;
    return fault(`json(): ${messageOf(thrown)}`);
  }
});
define(".hex", ["bytes"], (budget, bytes) => {
  budget.checkLength(2 * bytes.length);
  return Buffer.from(bytes).toString("hex");
});
define(".base64", ["bytes"], (budget, bytes) => {
  budget.checkLength(2 * bytes.length);
  return Buffer.from(bytes).toString("base64");
});
define(".at", ["bytes", "int"], (_budget, bytes, index) => {
  const byte = bytes[Number(index)];
  return byte === undefined ? outOfRange("Bytes index") : BigInt(byte);
});

define(".startsWith", ["string", "string"], (budget, text, part) => {
  budget.spendText(part.length);
  return text.startsWith(part);
});
define(".endsWith", ["string", "string"], (budget, text, part) => {
  budget.spendText(part.length);
  return text.endsWith(part);
});
define(".contains", ["string", "string"], (budget, text, part) => {
  spendSearch(budget, text, part);
  return firstPlace(text, part) !== -1;
});
define(".lowerAscii", ["string"], (budget, text) => {
  budget.checkLength(text.length);
  return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
});
define(".upperAscii", ["string"], (budget, text) => {
  budget.checkLength(text.length);
  return text.replace(/[a-z]+/g, (letters) => letters.toUpperCase());
});
define(".trim", ["string"], (budget, text) => {
  budget.spendText(text.length);
  return text.trim();
});

/** V8 searches for short texts and may look at each of their characters at each place. */
function spendSearch(budget: Budget, text: string, part: string): void {
  budget.spendText(text.length * Math.min(16, Math.max(1, part.length)));
}

define(".indexOf", ["string", "string"], (budget, text, part) => {
  spendSearch(budget, text, part);
  return charOf(text, firstPlace(text, part));
});
define(".indexOf", ["string", "string", "int"], (budget, text, part, from) => {
  spendSearch(budget, text, part);
  const unit = unitAt(text, Number(from));
  return unit === undefined
    ? outOfRange("string.indexOf(search, fromIndex): fromIndex")
    : charOf(text, firstPlace(text, part, unit));
});
define(".lastIndexOf", ["string", "string"], (budget, text, part) => {
  spendSearch(budget, text, part);
  return charOf(text, lastPlace(text, part));
});
define(".lastIndexOf", ["string", "string", "int"], (budget, text, part, from) => {
  spendSearch(budget, text, part);
  const unit = unitAt(text, Number(from));
  return unit === undefined
    ? outOfRange("string.lastIndexOf(search, fromIndex): fromIndex")
    : charOf(text, lastPlace(text, part, unit));
});
define(".substring", ["string", "int"], (budget, text, start) => {
  budget.spendText(4 * text.length);
  const from = unitAt(text, Number(start));
  return from === undefined
    ? outOfRange("string.substring(start, end): start index")
    : text.slice(from);
});
define(".substring", ["string", "int", "int"], (budget, text, start, end) => {
  budget.spendText(4 * text.length);
  const from = unitAt(text, Number(start));
  if (from === undefined) return outOfRange("string.substring(start, end): start index");
  const to = unitAt(text, Number(end));
  return to === undefined || to < from
    ? outOfRange("string.substring(start, end): end index")
    : text.slice(from, to);
});

/** At most `limit` parts, the last with the rest of the text. An empty separator splits every character. */
function split(budget: Budget, text: string, separator: string, limit = Infinity): List {
  spendSearch(budget, text, separator);
  const parts = new List();
  if (limit === 0) return parts;
  if (separator === "") {
    budget.spend(3 * text.length);
    const chars = Array.from(text);
    for (const char of limit < chars.length ? chars.slice(0, limit - 1) : chars) parts.push(char);
    if (limit < chars.length) parts.push(chars.slice(limit - 1).join(""));
    return parts;
  }
  let from = 0;
  for (const place of placesOf(text, separator)) {
    if (parts.length >= limit - 1) break;
    budget.spend(3);
    parts.push(text.slice(from, place));
    from = place + separator.length;
  }
  parts.push(text.slice(from));
  return parts;
}

define(".split", ["string", "string"], split);
define(".split", ["string", "string", "int"], (budget, text, separator, limit) =>
  split(budget, text, separator, limit < 0n ? Infinity : Number(limit)));

function join(budget: Budget, list: readonly unknown[], separator = ""): string {
  budget.spend(list.length);
  let length = 0;
  const texts = list.map((one) => {
    if (typeof one !== "string") return fault("string.join(): list must contain only strings");
    length += one.length + separator.length;
    return one;
  });
  budget.checkLength(length);
  return texts.join(separator);
}

define(".join", ["list"], join);
define(".join", ["list", "string"], join);

define("timestamp", ["string"], (_budget, text) => parseTimestamp(text));
define("timestamp", ["int"], (_budget, seconds) => checkedTime(Number(seconds) * 1_000));
define("timestamp", ["timestamp"], (_budget, time) => time);
define("duration", ["string"], (_budget, text) => parseDuration(text));
define("duration", ["duration"], (_budget, duration) => duration);
for (const field of TIME_FIELDS) {
  define(`.${field}`, ["timestamp"], (budget, time) => timeField(field, time, undefined, budget));
  define(`.${field}`, ["timestamp", "string"], (budget, time, zone) =>
    timeField(field, time, zone, budget),
  );
}
for (const unit of DURATION_UNITS)
  define(`.${unit}`, ["duration"], (_budget, duration) => durationIn(unit, duration));

define(".hasValue", ["optional"], (_budget, optional) => optional.hasValue());
define(".value", ["optional"], (_budget, optional) =>
  optional.hasValue() ? optional.value() : fault("Optional value is not present"));
define("optional.of", ["dyn"], (_budget, value) => Optional.of(value));
define("optional.none", [], () => Optional.none());

/** Signatures of functions that the parser does not know. It checks their calls before the run. */
export const ADDED_SIGNATURES: readonly string[] = [
  "string(google.protobuf.Timestamp): string",
  "string(google.protobuf.Duration): string",
  "int(uint): int",
  "int(google.protobuf.Timestamp): int",
  "timestamp(google.protobuf.Timestamp): google.protobuf.Timestamp",
  "duration(google.protobuf.Duration): google.protobuf.Duration",
];
