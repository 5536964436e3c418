import type { ErrorObject, ValidateFunction } from "ajv";

import { MAX_SCHEMA_STEPS, MAX_SCHEMAS } from "../defaults.ts";
import { messageOf, TuttiError } from "../errors.ts";
import { LimitExceeded } from "../expressions/budget.ts";
import { given } from "../given.ts";
import { nearest } from "../nearest.ts";
import { countWork } from "./counted.ts";
import { compilerOf, draftOf } from "./drafts.ts";
import type { JsonSchema } from "./json-schema.ts";
import { meter, TooManyProblems } from "./meter.ts";

/** One violation of a JSON Schema. */
export interface SchemaProblem {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly suggestion?: string;
}

/**
 * Checks a value and fills in the schema's defaults.
 *
 * @returns the value with defaults (the given one is not changed), or every problem.
 */
export type SchemaCheck = <T>(
  value: T,
) => { readonly value: T } | { readonly problems: readonly SchemaProblem[] };

const MAX_PROBLEMS = 20;
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
      ...given({ suggestion }),
    };
  }
  const allowed: unknown = error.params["allowedValues"];
  const list = Array.isArray(allowed) ? `: ${allowed.map(String).join(", ")}` : "";
  const where = path.length === 0 ? "" : `${path.join(".")} `;
  return { path, message: `${where}${said}${list}` };
}

/**
 * Compiles a JSON Schema (draft-07, 2019-09 or 2020-12, as its `$schema` says), once for each schema object. The work
 * of its checks is counted.
 *
 * @throws TuttiError `catalogue_invalid` if the schema is not valid; its check throws `work_limit_exceeded`.
 */
export function compileSchema(schema: JsonSchema): SchemaCheck {
  const known = checks.get(schema);
  if (known) return known;
  let check: SchemaCheck;
  try {
    check = checkOf(schema);
  } catch (thrown) {
    throw new TuttiError("catalogue_invalid", `no valid JSON Schema: ${messageOf(thrown)}`, {
      cause: thrown,
    });
  }
  checks.set(schema, check);
  return check;
}

function checkOf(schema: JsonSchema): SchemaCheck {
  const draft = draftOf(schema);
  const counted = countWork(schema, MAX_SCHEMAS);
  const compile = (all: boolean) => compileWith(compilerOf(draft, all), counted.schema);
  const validate = compile(true);
  return (value) => {
    // Ajv writes defaults into the value.
    const copy = counted.hasDefaults ? structuredClone(value) : value;
    try {
      if (runs(validate, copy)) return { value: copy };
      return { problems: (validate.errors ?? []).slice(0, MAX_PROBLEMS).map(problemOf) };
    } catch (thrown) {
      if (!(thrown instanceof TooManyProblems)) throw thrown;
    }
    // So rare that it is compiled only when needed.
    const first = compile(false);
    const again = counted.hasDefaults ? structuredClone(value) : value;
    if (runs(first, again)) return { value: again };
    return { problems: (first.errors ?? []).map(problemOf) };
  };
}

function compileWith(ajv: ReturnType<typeof compilerOf>, schema: JsonSchema): ValidateFunction {
  const { $schema: _draft, ...own } = schema;
  // The same code checks schemas against their meta-schema.
  meter.start();
  let validate: ValidateFunction;
  try {
    validate = ajv.compile(own);
  } finally {
    // Ajv would keep it forever, and every submitted document brings a new one.
    ajv.removeSchema(own);
  }
  // Its answer would come too late, and its rejection would end the process.
  if ("$async" in validate) throw new Error("$async is not supported");
  return validate;
}

/** Whether the value is valid. */
function runs(validate: ValidateFunction, value: unknown): boolean {
  meter.start();
  try {
    return validate(value);
  } catch (thrown) {
    throw limitOf(thrown);
  }
}

function limitOf(thrown: unknown): unknown {
  // Endless references to itself exhaust the stack first.
  const limit =
    thrown instanceof RangeError
      ? new LimitExceeded("MAX_SCHEMA_STEPS", MAX_SCHEMA_STEPS, "steps")
      : thrown;
  if (!(limit instanceof LimitExceeded)) return thrown;
  return new TuttiError("work_limit_exceeded", `the check of a JSON Schema: ${limit.message}`, {
    cause: thrown,
    details: { limit: limit.limit, max: limit.max },
  });
}
