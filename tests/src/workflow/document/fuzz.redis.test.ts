import { array, assert, asyncProperty, constantFrom, integer, oneof, tuple } from "fast-check";
import { describe, expect } from "vitest";
import { stringify } from "yaml";

import {
  ERROR_CODES,
  isTuttiError,
  loadCatalogue,
  ValidationError,
} from "../../../../config/index.ts";
import { Tutti } from "../../../../src/tutti.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";
import { test } from "../../../support/runner/redis.ts";

const registry = loadCatalogue();

/** A document that uses every field. */
const VALID = {
  tutti: 1,
  id: "fuzz",
  name: "Fuzz",
  description: "every field",
  inputs: {
    type: "object",
    properties: {
      path: { type: "string", default: "." },
      list: { type: "array", default: [1, 2] },
    },
    additionalProperties: false,
  },
  mode: "parallel",
  target: "balanced",
  onError: "fail_fast",
  timeoutMs: 60_000,
  steps: [
    {
      id: "a",
      tool: "core.echo",
      with: { text: "${{ input.path }}", deep: { list: [1, "x", null] } },
    },
    {
      id: "b",
      name: "Second",
      tool: "core.echo",
      needs: ["a"],
      when: "${{ steps.a.output.text != '' }}",
      join: "settled",
      retry: { maxAttempts: 3, backoff: "linear", baseDelayMs: 10, maxDelayMs: 100, jitter: false },
      timeoutMs: 1_000,
      optional: true,
      postconditions: ["ready"],
      resources: { cpu: 0.5 },
    },
    {
      id: "c",
      tool: "core.sleep",
      preconditions: ["ready"],
      forEach: "input.list",
      as: "one",
      maxParallel: 2,
      with: { ms: "${{ one + index }}" },
    },
  ],
  output: { c: "${{ steps.c.output }}", text: "a: ${{ steps.a.output }}" },
  success: ["size(steps.c.output) == 2"],
};

type Container = Record<string | number, unknown>;

/** Every place of a value: what holds it, and under which key. Not deeper than documents are made here. */
function places(value: unknown): [Container, string | number][] {
  const found: [Container, string | number][] = [];
  const seen = new Set<unknown>();
  const visit = (one: unknown, depth: number): void => {
    if (typeof one !== "object" || one === null || depth > 10 || seen.has(one)) return;
    seen.add(one);
    const holder = one as Container;
    let keys: (string | number)[];
    try {
      keys = Array.isArray(one) ? one.map((_, index) => index) : Object.keys(one);
    } catch {
      return;
    }
    for (const key of keys) {
      found.push([holder, key]);
      visit(Object.getOwnPropertyDescriptor(holder, key)?.value, depth + 1);
    }
  };
  visit(value, 0);
  return found;
}

const deep = (levels: number, list: boolean): unknown => {
  let value: unknown = "x";
  for (let level = 0; level < levels; level++) value = list ? [value] : { a: value };
  return value;
};

/** Values that have broken parsers before. */
const STRANGE: readonly (() => unknown)[] = [
  () => null,
  () => undefined,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -1,
  () => 1e308,
  () => 2 ** 53,
  () => 10n,
  () => Symbol("s"),
  () => () => 1,
  () => new Date(0),
  () => new Map([["a", 1]]),
  () => true,
  () => "",
  () => "a:b",
  () => "../../etc/passwd",
  () => "x".repeat(10_000),
  () => "${{",
  () => "${{ }}",
  () => "${{ input.path ",
  () => "${{ steps['a'].output }}",
  () => "${{ steps[input.path].output }}",
  () => "${{ steps }}",
  () => "${{ secrets.KEY }}",
  () => "${{ 'a'.matches('(a+)+$') }}",
  () => `\${{ ${"(".repeat(5_000)} }}`,
  () => `\${{ ${"1+".repeat(4_000)}1 }}`,
  () => "${{ [1,2].map(x, [1,2].map(y, x * y)) }}",
  () => "\u0000\ud800",
  () => [],
  () => ({}),
  () => [[]],
  () => deep(90, true),
  () => deep(150, true),
  () => deep(5_000, false),
  () => JSON.parse('{"__proto__": {"polluted": true}}') as unknown,
  () => ({ constructor: { prototype: { polluted: true } } }),
  () => Object.create(null) as unknown,
  () =>
    Object.defineProperty({}, "a", {
      enumerable: true,
      get: () => {
        throw new Error("getter");
      },
    }),
  () =>
    new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error("trap");
        },
      },
    ),
  () => ({ $async: true }),
  () => ({ $ref: "http://x.test/schema" }),
  () => ({ type: "object", properties: { a: { $ref: "#" } } }),
  () => ({ pattern: "(" }),
];
const KEYS = [
  "__proto__",
  "constructor",
  "prototype",
  "toString",
  "idd",
  "x".repeat(10_000),
  "",
  "needs",
  "with",
  "a:b",
  "0",
];

interface Choice {
  readonly op: "drop" | "duplicate" | "swap" | "replace" | "rename" | "add" | "cycle";
  readonly at: number;
  readonly by: number;
}

function mutate(document: unknown, { op, at, by }: Choice): unknown {
  const all = places(document);
  if (all.length === 0) return document;
  const [holder, key] = all[at % all.length]!;
  const value: unknown = Object.getOwnPropertyDescriptor(holder, key)?.value;
  const set = (name: string | number, one: unknown) =>
    Object.defineProperty(holder, name, {
      value: one,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  switch (op) {
    case "drop":
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      break;
    case "duplicate":
      if (Array.isArray(holder)) holder.push(value);
      else set(KEYS[by % KEYS.length]!, value);
      break;
    case "swap": {
      const [other, name] = all[by % all.length]!;
      const there: unknown = Object.getOwnPropertyDescriptor(other, name)?.value;
      set(key, there);
      Object.defineProperty(other, name, {
        value,
        enumerable: true,
        writable: true,
        configurable: true,
      });
      break;
    }
    case "replace":
      set(key, STRANGE[by % STRANGE.length]!());
      break;
    case "rename":
      if (!Array.isArray(holder)) {
        delete holder[key];
        set(KEYS[by % KEYS.length]!, value);
      }
      break;
    case "add":
      if (!Array.isArray(holder)) set(KEYS[by % KEYS.length]!, STRANGE[at % STRANGE.length]!());
      break;
    case "cycle":
      set(key, document);
      break;
  }
  return document;
}

const choice = tuple(
  constantFrom("drop", "duplicate", "swap", "replace", "replace", "rename", "add", "cycle"),
  integer({ min: 0, max: 10_000 }),
  integer({ min: 0, max: 10_000 }),
).map(([op, at, by]): Choice => ({ op: op, at, by }));
const mutatedTree = array(choice, { minLength: 1, maxLength: 4 }).map((choices) =>
  choices.reduce<unknown>((document, one) => mutate(document, one), structuredClone(VALID)),
);

const TEXT = stringify(VALID);
const NOISE = [
  "\t",
  ":",
  "- ",
  "  ",
  "{",
  "}",
  "[",
  "&a ",
  "*a",
  "!!js/function ",
  "<<: ",
  "---\n",
  "#",
  "\u0000",
  "'",
  '"',
  "\r",
  "? ",
  "|",
  "%YAML 1.1\n",
  "é",
  "1e999",
  "~",
];
const mutatedText = array(
  tuple(
    constantFrom("cut", "insert", "double", "line"),
    integer({ min: 0, max: TEXT.length }),
    integer({ min: 0, max: 60 }),
  ),
  { minLength: 1, maxLength: 4 },
).map((changes) => {
  let text = TEXT;
  for (const [kind, at, by] of changes) {
    if (kind === "cut") text = text.slice(0, at) + text.slice(at + by);
    else if (kind === "insert")
      text = text.slice(0, at) + NOISE[by % NOISE.length]! + text.slice(at);
    else if (kind === "double") text = text.slice(0, at + by) + text.slice(at);
    else {
      const lines = text.split("\n");
      const [line = ""] = lines.splice(at % lines.length, 1);
      lines.splice(by % (lines.length + 1), 0, line);
      text = lines.join("\n");
    }
  }
  return text;
});

/** Null when the document is valid; else what it was refused with, after a look at its quality. */
function refusal(document: unknown): ValidationError | null {
  try {
    prepare(document as object, registry, { file: "f.yaml" });
    return null;
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    expect(thrown.issues.length).toBeGreaterThan(0);
    for (const issue of thrown.issues) {
      expect(Object.hasOwn(ERROR_CODES, issue.code)).toBe(true);
      expect(issue.message).not.toBe("");
      expect(issue.message.length).toBeLessThan(12_000);
      if (typeof document === "string") expect(issue.position?.line).toBeGreaterThan(0);
    }
    return thrown;
  }
}

const many = (count: number, more: (index: number) => object = () => ({})) => ({
  tutti: 1,
  id: "many",
  steps: Array.from({ length: count }, (_, index) => ({
    id: `s${index}`,
    tool: "core.echo",
    ...more(index),
  })),
});
const bomb = `tutti: 1\nid: bomb\nx0: &x0 [a, a, a, a, a, a, a, a, a, a]\n${Array.from(
  { length: 9 },
  (_, level) => `x${level + 1}: &x${level + 1} [${Array(10).fill(`*x${level}`).join(", ")}]`,
).join("\n")}\nsteps: *x9\n`;

const MONSTERS: Readonly<Record<string, () => unknown>> = {
  "a bomb of aliases": () => bomb,
  "an alias to itself": () => "tutti: 1\nid: a\nsteps: &s [*s]\n",
  "more than 5 MB of text": () => `${TEXT}# ${"x".repeat(5_000_000)}`,
  "more than 5 MB of data": () => ({ ...VALID, description: "x".repeat(5_000_001) }),
  "20,001 steps": () => many(20_001),
  "a cycle through 10,000 steps": () =>
    many(10_000, (index) => ({ needs: [`s${(index + 9_999) % 10_000}`] })),
  "10,000 references to steps that do not exist": () =>
    many(10_000, (index) => ({ needs: [`t${index}`] })),
  "10,000 tools that do not exist": () => many(10_000, (index) => ({ tool: `core.ech${index}` })),
  "10,000 conditions that nothing establishes": () =>
    many(10_000, (index) => ({ preconditions: [`p${index}`], postconditions: [`q${index}`] })),
  "10,000 steps of one id": () => many(10_000, () => ({ id: "same" })),
  "30,000 unknown keys": () => ({
    ...VALID,
    ...Object.fromEntries(Array.from({ length: 30_000 }, (_, index) => [`key${index}`, 1])),
  }),
  "100,000 levels of brackets": () => "[".repeat(100_000),
  "ids with a colon": () => many(2, (index) => ({ id: `a:${index}` })),
  "an id of 10 kB": () => ({ ...VALID, id: "x".repeat(10_240) }),
  "step ids of Object.prototype": () => many(1, () => ({ id: "toString" })),
  "an empty text": () => "",
  "a list": () => [],
  null: () => "null",
};

describe("a document that is not a workflow is refused with typed errors, and leaves no job", () => {
  test(
    "2,000 mutated documents, as data and as text",
    { timeout: 120_000 },
    async ({ redisUrl, prefix, redis }) => {
      await using tutti = new Tutti({ redisUrl, prefix, registry });
      let refused = 0;
      let valid = 0;
      await assert(
        asyncProperty(oneof(mutatedTree, mutatedText), async (document) => {
          const error = refusal(document);
          if (error === null) {
            valid++;
            return;
          }
          refused++;
          const again: unknown = await tutti
            .submit(document as object)
            .catch((thrown: unknown) => thrown);
          expect(isTuttiError(again)).toBe(true);
        }),
        { numRuns: 2_000 },
      );
      expect(refused).toBeGreaterThan(800);
      expect(valid).toBeGreaterThan(50);
      expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
      expect(await redis.keys(`${prefix}*`)).toEqual([]);
    },
  );

  test.for(Object.keys(MONSTERS))(
    "%s",
    { timeout: 30_000 },
    async (name, { redisUrl, prefix, redis }) => {
      await using tutti = new Tutti({ redisUrl, prefix, registry });
      const document = MONSTERS[name]!() as object;
      const error = refusal(document);
      expect(error).toBeInstanceOf(ValidationError);
      // Each compares with every known name, and nobody else is served meanwhile.
      const suggested = error?.issues.filter(({ suggestion }) => suggestion !== undefined);
      expect(suggested?.length).toBeLessThanOrEqual(100);
      await expect(tutti.submit(document)).rejects.toBeInstanceOf(ValidationError);
      expect(await redis.keys(`${prefix}*`)).toEqual([]);
    },
  );

  test("the document they were made from is valid", () => {
    expect(refusal(VALID)).toBeNull();
    expect(refusal(TEXT)).toBeNull();
    expect(refusal(many(20_000))).toBeNull();
  });
});
