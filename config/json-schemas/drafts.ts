import type { Options } from "ajv";
import { LRUCache } from "lru-cache";

import type { Json } from "../documents/json.ts";
import { packages } from "../packages.ts";
import { WORK, type Work } from "./counted.ts";
import type { JsonSchema } from "./json-schema.ts";
import { meter } from "./meter.ts";
import { compilePattern, type Pattern } from "./pattern.ts";

export type Draft = "2020-12" | "2019-09" | "draft-07";

const DRAFTS: ReadonlyMap<string, Draft> = new Map(
  Object.entries({
    "json-schema.org/schema": "2020-12",
    "json-schema.org/draft/2020-12/schema": "2020-12",
    "json-schema.org/draft/2019-09/schema": "2019-09",
    "json-schema.org/draft-07/schema": "draft-07",
    // Draft-06 is a subset of draft-07.
    "json-schema.org/draft-06/schema": "draft-07",
  } as const),
);

/**
 * The draft that a schema names in `$schema`; without it, the newest.
 *
 * @throws Error if the draft is not supported.
 */
export function draftOf({ $schema }: JsonSchema): Draft {
  if ($schema === undefined) return "2020-12";
  const said = typeof $schema === "string" ? $schema : JSON.stringify($schema);
  const draft = DRAFTS.get(said.replace(/^https?:\/\//, "").replace(/#$/, ""));
  if (draft !== undefined) return draft;
  throw new Error(
    `expected $schema to be draft-07, 2019-09 or 2020-12, got: ${said.slice(0, 200)}`,
  );
}

const CLASSES = {
  "2020-12": () => packages.ajv().draft2020.Ajv2020,
  "2019-09": () => packages.ajv().draft2019.Ajv2019,
  "draft-07": () => packages.ajv().draft7.Ajv,
} as const;

/** An instance retains something of each schema that it compiles, so it is replaced after this many. */
const SCHEMAS_PER_INSTANCE = 200;

type Instance = InstanceType<ReturnType<(typeof CLASSES)[Draft]>>;

/** Compilers of one draft, one of them in use. `all`: checks go on after the first problem. */
class Compilers {
  readonly #draft: Draft;
  readonly #all: boolean;
  #instance: Instance | undefined;
  #used = 0;

  constructor(draft: Draft, all: boolean) {
    this.#draft = draft;
    this.#all = all;
  }

  take(): Instance {
    if (this.#instance === undefined || this.#used++ >= SCHEMAS_PER_INSTANCE) {
      this.#instance = create(this.#draft, this.#all);
      this.#used = 0;
    }
    return this.#instance;
  }
}

const compilers = new Map<string, Compilers>();

export function compilerOf(draft: Draft, all: boolean): Instance {
  const name = `${draft} ${all}`;
  let found = compilers.get(name);
  if (found === undefined) compilers.set(name, (found = new Compilers(draft, all)));
  return found.take();
}

const MAX_KNOWN_PATTERNS = 5_000;
const known = new LRUCache<string, Pattern>({ max: MAX_KNOWN_PATTERNS });

/** @throws SyntaxError */
function knownPattern(source: string): Pattern {
  let pattern = known.get(source);
  if (pattern === undefined) known.set(source, (pattern = compilePattern(source)));
  return pattern;
}

/** Compiled schemas test their patterns with this. */
const patterns = { test: (source: string, text: string) => knownPattern(source).test(text) };

/** Patterns of `patternProperties`. `code` is only for compiling to files, which is not used. */
const regExp = Object.assign(
  (source: string) => {
    knownPattern(source);
    return {
      test: (text: string) => knownPattern(source).test(text),
      toString: () => `/${source}/`,
    };
  },
  { code: "compilePattern" },
);

function create(draft: Draft, all: boolean): Instance {
  // Not strict: schemas from MCP servers and users have keywords of their own. Verbose: errors include the schema's
  // known fields, for suggestions.
  const options: Options = {
    strict: false,
    allErrors: all,
    verbose: all,
    useDefaults: true,
    // Compile the target of a reference once and call it.
    inlineRefs: false,
    code: { optimize: false, regExp },
    logger: false,
  };
  const { codegen, formats } = packages.ajv();
  const { _ } = codegen;
  /** Where compiled code counts the problems that it has found. */
  const problems = new codegen.Name("errors");
  const ajv = new (CLASSES[draft]())(options);
  formats.default.default(ajv);
  limitFormats(ajv);
  ajv.removeKeyword("pattern");
  ajv.addKeyword({
    keyword: "pattern",
    type: "string",
    schemaType: "string",
    error: {
      message: ({ schema }) => `must match pattern "${String(schema)}"`,
      params: ({ schemaCode }) => _`{pattern: ${schemaCode}}`,
    },
    code(context) {
      const { gen, data } = context;
      const source = String(context.schema);
      knownPattern(source);
      // One shared table: a value per pattern makes compilation quadratic in the number of patterns.
      const table = gen.scopeValue("obj", { ref: patterns });
      context.fail(_`!${table}.test(${source}, ${data})`);
    },
  });
  ajv.removeKeyword("uniqueItems");
  ajv.addKeyword({
    keyword: "uniqueItems",
    type: "array",
    schemaType: "boolean",
    validate: (wanted: boolean, items: readonly Json[]) => !wanted || areUnique(items),
    error: { message: "must NOT have duplicate items" },
  });
  ajv.addKeyword({
    keyword: WORK,
    schemaType: "array",
    code(context) {
      const { gen, data } = context;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by counted.ts alone
      const [steps, perKey] = context.schema as Work;
      const counter = gen.scopeValue("obj", { ref: meter });
      gen.code(_`${counter}.visit(${steps}, ${perKey}, ${data}, ${problems})`);
    },
  });
  return ajv;
}

/** Steps to write a value out and look it up. */
const UNIQUE_STEPS = 10;

/** Writes a value so that equal values have the same text. It is not JSON: its separators may be anything. */
function written(value: Json): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(written).join()}]`;
  const fields = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([key, one]) => `${JSON.stringify(key)}:${written(one)}`).join()}}`;
}

/** Whether all items differ. Linear: each is written out once, with its keys in order. */
function areUnique(items: readonly Json[]): boolean {
  const seen = new Set<string>();
  for (const item of items) {
    const text = written(item);
    meter.spend(UNIQUE_STEPS + text.length);
    if (seen.has(text)) return false;
    seen.add(text);
  }
  return true;
}

/** Longer texts are refused as URLs, because the pattern of `url` takes quadratic time. */
const MAX_URL_CHARS = 2_048;

function limitFormats(ajv: Instance): void {
  const url = ajv.formats["url"];
  if (url instanceof RegExp)
    ajv.addFormat("url", (text: string) => text.length <= MAX_URL_CHARS && url.test(text));
  ajv.addFormat("regex", (text: string) => {
    try {
      compilePattern(text);
      return true;
    } catch {
      return false;
    }
  });
}
