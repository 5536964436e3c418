import addFormats from "ajv-formats";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";

import { messageOf, TuttiError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import type { JsonSchema } from "./json-schema.ts";

/** What a value does to a JSON Schema. */
export interface SchemaProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly suggestion?: string;
}

/**
 * Checks a value and fills the schema's defaults in.
 *
 * @returns the value with defaults (the given one is not changed), or every problem.
 */
export type SchemaCheck = <T>(
  value: T,
) => { readonly value: T } | { readonly problems: readonly SchemaProblem[] };

const MAX_PROBLEMS = 20;

// Not strict: schemas come from MCP servers and users, with keywords of their own. Verbose: errors
// bring the schema's known fields along, for suggestions.
const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  useDefaults: true,
  verbose: true,
  addUsedSchema: false,
});
addFormats.default(ajv);

const checks = new WeakMap<JsonSchema, SchemaCheck>();

function pathOf(pointer: string): (string | number)[] {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}

function problemOf(error: ErrorObject): SchemaProblem {
  const path = pathOf(error.instancePath);
  const said = error.message ?? "is not valid";
  const unknown: unknown = error.params["additionalProperty"];
  if (typeof unknown === "string") {
    const properties: unknown = error.parentSchema?.["properties"];
    const known = typeof properties === "object" ? Object.keys(properties ?? {}) : [];
    const suggestion = nearest(unknown, known);
    return {
      path: [...path, unknown],
      message: `unknown field "${unknown}"`,
      ...(suggestion !== undefined && { suggestion }),
    };
  }
  const allowed: unknown = error.params["allowedValues"];
  const list = Array.isArray(allowed) ? `: ${allowed.map(String).join(", ")}` : "";
  const where = path.length === 0 ? "" : `${path.join(".")} `;
  return { path, message: `${where}${said}${list}` };
}

/**
 * Compiles a JSON Schema (2020-12), once for each schema object.
 *
 * @throws TuttiError `catalogue_invalid` when it is no valid schema.
 */
export function compileSchema(schema: JsonSchema): SchemaCheck {
  const known = checks.get(schema);
  if (known) return known;
  let validate: ReturnType<typeof ajv.compile>;
  try {
    validate = ajv.compile(schema);
    // Ajv would keep it for ever, and every submitted document brings a new one.
    ajv.removeSchema(schema);
    // Its answer would come too late, and its refusal would end the process.
    if ("$async" in validate) throw new Error("$async is not supported");
  } catch (thrown) {
    throw new TuttiError("catalogue_invalid", `no valid JSON Schema: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  const check: SchemaCheck = (value) => {
    const copy = structuredClone(value);
    if (validate(copy)) return { value: copy };
    return { problems: (validate.errors ?? []).slice(0, MAX_PROBLEMS).map(problemOf) };
  };
  checks.set(schema, check);
  return check;
}
