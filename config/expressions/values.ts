/* oxlint-disable typescript/no-unsafe-type-assertion, typescript/switch-exhaustiveness-check -- `kindOf` has told what a value is; the compiler cannot follow; the last branch is for all other kinds */
import { Optional } from "@marcbachmann/cel-js";
import { Duration, Environment, UnsignedInt } from "@marcbachmann/cel-js/evaluator";

import type { Json } from "../documents/json.ts";
import { MAX_DATA_DEPTH } from "../documents/plain-data.ts";
import type { Budget } from "./budget.ts";

/** Why an expression has no value, for instance a missing key. `&&`, `||`, `all` and `exists` may go on without it. */
export class Fault extends Error {
  override readonly name = "Fault";
}

export function fault(reason: string): never {
  throw new Fault(reason);
}

/** A list made by an expression. Lists from outside are plain arrays and already JSON. */
export class List extends Array<unknown> {}

/** A map made by an expression, or an object from outside. */
export type MapValue = ReadonlyMap<unknown, unknown> | Readonly<Record<string, unknown>>;

/** How the kinds of CEL are represented here. */
export interface Kinds {
  readonly dyn: unknown;
  readonly string: string;
  readonly int: bigint;
  readonly uint: UnsignedInt;
  readonly double: number;
  readonly bool: boolean;
  readonly bytes: Uint8Array;
  readonly list: readonly unknown[];
  readonly map: MapValue;
  readonly timestamp: Date;
  readonly duration: Duration;
  readonly optional: Optional;
}

export type Kind = keyof Kinds | "null" | "type";

export function kindOf(value: unknown): Kind {
  switch (typeof value) {
    case "string":
      return "string";
    case "number":
      return "double";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    default:
  }
  if (value === null) return "null";
  if (Array.isArray(value)) return "list";
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Date) return "timestamp";
  if (value instanceof Duration) return "duration";
  if (value instanceof UnsignedInt) return "uint";
  if (value instanceof Optional) return "optional";
  return isMap(value) ? "map" : "type";
}

/** Never by `constructor`, which may be a key. */
export function isMap(value: unknown): value is MapValue {
  if (typeof value !== "object" || value === null) return false;
  if (value instanceof Map) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The parser's own type objects, so that `type(1) == int` compares objects of one kind. */
const types = new Map<Kind, unknown>();
{
  const environment = new Environment();
  const sources: [Kind, string][] = [
    ["string", "string"],
    ["int", "int"],
    ["uint", "uint"],
    ["double", "double"],
    ["bool", "bool"],
    ["bytes", "bytes"],
    ["list", "list"],
    ["map", "map"],
    ["null", "null_type"],
    ["type", "type"],
    ["timestamp", "google.protobuf.Timestamp"],
    ["duration", "google.protobuf.Duration"],
  ];
  for (const [kind, source] of sources) types.set(kind, environment.evaluate(source));
}

export function typeOf(value: unknown): unknown {
  return types.get(kindOf(value)) ?? fault("type() of an optional");
}

/** Normalizes a key, so that `1`, `1u` and `1.0` are the same key. */
export function mapKey(key: unknown): unknown {
  if (typeof key === "number" && Number.isInteger(key)) return BigInt(key);
  if (key instanceof UnsignedInt) return key.valueOf();
  if (typeof key === "string" || typeof key === "boolean" || typeof key === "bigint") return key;
  return fault(`a ${kindOf(key)} cannot be the key of a map`);
}

function isKey(key: unknown): boolean {
  const kind = kindOf(key);
  return (
    kind === "string" || kind === "int" || kind === "uint" || kind === "double" || kind === "bool"
  );
}

/** The value at a key, or undefined. Own keys only, whatever their name. */
export function valueAt(map: MapValue, key: unknown): unknown {
  if (!isKey(key)) return undefined;
  if (map instanceof Map)
    return map.get(
      typeof key === "number" && !Number.isInteger(key) ? key : mapKey(key),
    ) as unknown;
  const name = String(key);
  return Object.getOwnPropertyDescriptor(map, name)?.value as unknown;
}

export function keysOf(map: MapValue): readonly unknown[] {
  return map instanceof Map ? [...map.keys()] : Object.keys(map);
}

export function sizeOfMap(map: MapValue): number {
  return map instanceof Map ? map.size : Object.keys(map).length;
}

/** Writes a duration as protobuf and CEL do: seconds, with as many digits as needed. */
export function durationText(duration: Duration): string {
  const nanos = duration.seconds * 1_000_000_000n + BigInt(duration.nanos);
  const size = nanos < 0n ? -nanos : nanos;
  const part = String(size % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const sign = nanos < 0n ? "-" : "";
  return `${sign}${size / 1_000_000_000n}${part === "" ? "" : `.${part}`}s`;
}

function exactNumber(value: bigint): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  return fault(
    `yields the integer ${value}, which JSON cannot hold exactly (over 2^53 - 1); string() keeps it as text`,
  );
}

/**
 * Converts CEL's values to JSON: integers that fit, times as ISO text, durations in seconds (`"5.5s"`), bytes as
 * base64.
 */
export function toJson(value: unknown, budget: Budget, depth = 0): Json {
  if (depth > MAX_DATA_DEPTH) fault(`yields more than ${MAX_DATA_DEPTH} levels`);
  switch (kindOf(value)) {
    case "list":
      return listToJson(value as readonly unknown[], budget, depth);
    case "map":
      return mapToJson(value as MapValue, budget, depth);
    case "string":
    case "bool":
    case "null":
      budget.takeJson(value);
      return value as Json;
    case "double":
      budget.take(4);
      return Number.isFinite(value)
        ? (value as number)
        : fault("yields a number that JSON cannot hold");
    case "int":
      budget.take(4);
      return exactNumber(value as bigint);
    case "uint":
      budget.take(4);
      return exactNumber((value as UnsignedInt).value);
    case "timestamp":
      budget.take(26);
      return (value as Date).toISOString();
    case "duration":
      budget.take(26);
      return durationText(value as Duration);
    case "bytes": {
      const bytes = value as Uint8Array;
      budget.take(2 * bytes.length);
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
    }
    default:
      return fault("yields a value that JSON cannot hold");
  }
}

function listToJson(list: readonly unknown[], budget: Budget, depth: number): Json {
  if (!(list instanceof List)) {
    budget.takeJson(list);
    return list as Json;
  }
  budget.take(2);
  budget.spend(3 * list.length);
  const items: Json[] = [];
  for (const one of list) {
    budget.take(1);
    items.push(toJson(one, budget, depth + 1));
  }
  return items;
}

function mapToJson(map: MapValue, budget: Budget, depth: number): Json {
  if (!(map instanceof Map)) {
    budget.takeJson(map);
    return map as Json;
  }
  budget.take(2);
  budget.spend(3 * map.size);
  const fields: [string, Json][] = [];
  for (const [key, one] of map as ReadonlyMap<unknown, unknown>) {
    const name = String(key);
    budget.take(name.length + 4);
    fields.push([name, toJson(one, budget, depth + 1)]);
  }
  // Defines each key, even `__proto__`; an assignment would lose it.
  return Object.fromEntries(fields);
}
