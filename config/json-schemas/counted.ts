import { isJsonObject, readJson } from "../documents/json.ts";
import type { JsonSchema } from "./json-schema.ts";

/** Tutti's keyword in the compiled copy of a schema. It replaces any keyword of this name in the schema. */
export const WORK = "tutti:work";

/** The cost of a schema: steps for each value, and for each key of an object. */
export type Work = readonly [steps: number, perKey: number];

/** More schemas inside one schema than this take too long to compile. */
class TooManySchemas extends Error {
  override readonly name = "TooManySchemas";
}

const ONE = [
  "additionalItems",
  "additionalProperties",
  "contains",
  "contentSchema",
  "else",
  "if",
  "items",
  "not",
  "propertyNames",
  "then",
  "unevaluatedItems",
  "unevaluatedProperties",
];
const MANY = ["allOf", "anyOf", "items", "oneOf", "prefixItems"];
const NAMED = [
  "$defs",
  "definitions",
  "dependencies",
  "dependentSchemas",
  "patternProperties",
  "properties",
];
/** These keywords look at each key of an object. */
const KEYED = [
  "additionalProperties",
  "dependencies",
  "dependentRequired",
  "dependentSchemas",
  "maxProperties",
  "minProperties",
  "patternProperties",
  "propertyNames",
  "unevaluatedProperties",
];

/** Compiling patterns for names takes quadratic time. */
const PATTERN_WEIGHT = 10;

const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const sizeOf = (value: unknown): number =>
  value === undefined
    ? 0
    : typeof value !== "object" || value === null
      ? 1
      : Object.values(value).reduce((sum: number, one) => sum + sizeOf(one), 1);

const entriesOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? Object.keys(value).length : 0;

function workOf(schema: Readonly<Record<string, unknown>>): Work {
  const patterns = entriesOf(schema["patternProperties"]);
  const steps =
    1 +
    entriesOf(schema["required"]) +
    entriesOf(schema["properties"]) +
    sizeOf(schema["enum"]) +
    sizeOf(schema["const"]);
  const keyed = KEYED.some((keyword) => schema[keyword] !== undefined);
  return [steps, keyed ? 1 + patterns : 0];
}

/** The schemas directly inside a schema, each with its weight. */
function* partsOf(schema: Readonly<Record<string, unknown>>): Generator<[unknown, number]> {
  for (const keyword of ONE) if (isPlainObject(schema[keyword])) yield [schema[keyword], 1];
  for (const keyword of MANY) {
    const list = schema[keyword];
    if (Array.isArray(list)) for (const part of list) yield [part, 1];
  }
  for (const keyword of NAMED) {
    const named = schema[keyword];
    const weight = keyword === "patternProperties" ? PATTERN_WEIGHT : 1;
    if (isPlainObject(named)) for (const part of Object.values(named)) yield [part, weight];
  }
}

/** The schema as JSON, if it has at most `maxSchemas` schemas. One that contains itself has more. */
function limited(root: JsonSchema, maxSchemas: number): string {
  let count = 1;
  const open: unknown[] = [root];
  while (open.length > 0) {
    const one = open.pop();
    // `true` and `false` are schemas too, and are compiled.
    if (!isPlainObject(one)) continue;
    for (const [part, weight] of partsOf(one)) {
      count += weight;
      if (count > maxSchemas)
        throw new TooManySchemas(`more than ${maxSchemas} schemas in one (MAX_SCHEMAS)`);
      open.push(part);
    }
  }
  return JSON.stringify(root);
}

/**
 * Copies a schema and adds its cost to each schema inside. Schemas are found where the standard has them, and where a
 * `$ref` within the schema points.
 *
 * @throws TooManySchemas
 */
export function countWork(
  root: JsonSchema,
  maxSchemas: number,
): { readonly schema: JsonSchema; readonly hasDefaults: boolean } {
  // As a tree: a schema shared by several places is compiled for each of them.
  const schema = readJson<JsonSchema>(limited(root, maxSchemas));
  const seen = new Set<unknown>();
  let hasDefaults = false;
  const open: unknown[] = [schema];
  const add = (value: unknown): void => {
    if (!isPlainObject(value) || seen.has(value)) return;
    seen.add(value);
    open.push(value);
  };
  while (open.length > 0) {
    const one = open.pop();
    if (!isPlainObject(one)) continue;
    hasDefaults ||= Object.hasOwn(one, "default");
    for (const [part] of partsOf(one)) add(part);
    for (const keyword of ["$ref", "$dynamicRef", "$recursiveRef"]) {
      const target = targetOf(schema, one[keyword]);
      if (target !== undefined) add(target);
    }
    Object.defineProperty(one, WORK, { value: workOf(one), enumerable: true });
  }
  return { schema, hasDefaults };
}

/** The target of a reference within the schema. */
function targetOf(root: JsonSchema, ref: unknown): unknown {
  if (typeof ref !== "string" || !ref.startsWith("#/")) return undefined;
  let at: unknown = root;
  for (const part of ref.slice(2).split("/")) {
    if (typeof at !== "object" || at === null) return undefined;
    let key = part;
    try {
      key = decodeURIComponent(part);
    } catch {
      return undefined;
    }
    at = Object.getOwnPropertyDescriptor(
      at,
      key.replaceAll("~1", "/").replaceAll("~0", "~"),
    )?.value;
  }
  return isJsonObject(at) ? at : undefined;
}
