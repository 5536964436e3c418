import { assert, constantFrom, property, string, tuple } from "fast-check";
import { describe, expect, it } from "vitest";

import { compileSchema, MAX_SCHEMA_STEPS, type JsonSchema } from "../../../config/index.ts";
import { meter } from "../../../config/json-schemas/meter.ts";
import { compilePattern } from "../../../config/json-schemas/pattern.ts";
import { ownSpeed } from "../../support/waiting/speed.ts";

const many = <T>(count: number, of: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => of(index));
const named = (count: number, of: (index: number) => unknown): Record<string, unknown> =>
  Object.fromEntries(many(count, (index) => [`k${index}`, of(index)]));
const chain = (times: number, next: (index: number) => object, last: object) =>
  Object.fromEntries([
    ...many(times, (index) => [`d${index}`, next(index + 1)] as const),
    [`d${times}`, last],
  ]);
const twice = (root: string) => (index: number) => ({
  allOf: [{ $ref: `#/${root}/d${index}` }, { $ref: `#/${root}/d${index}` }],
});
const nested = (levels: number): JsonSchema =>
  levels === 0
    ? { type: "string" }
    : { oneOf: [nested(levels - 1), { items: nested(levels - 1) }] };

/** What a schema and a value do: are they decided, or where do they end? */
const hostile: [
  string,
  JsonSchema,
  unknown,
  "decided" | "MAX_SCHEMAS" | "MAX_SCHEMA_STEPS" | "MAX_PATTERN_MS",
][] = [
  ["a pattern of nested repetition", { pattern: "^(a+)+$" }, `${"a".repeat(100_000)}!`, "decided"],
  ["many alternatives", { pattern: "^(a|aa|aaa)*$" }, `${"a".repeat(50_000)}!`, "decided"],
  [
    "a name of nested repetition",
    { propertyNames: { pattern: "^(a|a)*$" } },
    { [`${"a".repeat(5_000)}!`]: 1 },
    "decided",
  ],
  [
    "the same in patternProperties",
    { patternProperties: { "^(a|a)*$": false } },
    { [`${"a".repeat(5_000)}!`]: 1 },
    "decided",
  ],
  [
    "a pattern that looks ahead",
    { pattern: "^(?=(a+)+$)" },
    `${"a".repeat(40)}!`,
    "MAX_PATTERN_MS",
  ],
  [
    "a pattern that refers to a group",
    { pattern: "^(a|aa)+\\1$" },
    `${"a".repeat(60)}!`,
    "MAX_PATTERN_MS",
  ],
  [
    "a large pattern on a long text",
    { items: { pattern: "(?:a{1,900}b{1,90})x" } },
    many(1_000, () => "ab".repeat(500)),
    "MAX_SCHEMA_STEPS",
  ],
  [
    "4,000 patterns",
    { properties: named(4_000, (n) => ({ pattern: `^a${n}` })) },
    {},
    "MAX_SCHEMAS",
  ],
  ["900 patterns", { properties: named(900, (n) => ({ pattern: `^a${n}` })) }, {}, "decided"],
  ["500 patterns for names", { patternProperties: named(500, () => true) }, {}, "MAX_SCHEMAS"],
  ["branches that double", nested(12), [[["x"]]], "MAX_SCHEMAS"],
  [
    "references that double",
    { $defs: chain(40, twice("$defs"), { type: "string" }), $ref: "#/$defs/d0" },
    "x",
    "MAX_SCHEMA_STEPS",
  ],
  [
    "the same at a place of their own",
    { mine: chain(40, twice("mine"), { type: "string" }), $ref: "#/mine/d0" },
    "x",
    "MAX_SCHEMA_STEPS",
  ],
  ["a schema that is itself", { anyOf: [{ $ref: "#" }, { $ref: "#" }] }, {}, "MAX_SCHEMA_STEPS"],
  [
    "20,000 objects that differ",
    { uniqueItems: true },
    many(20_000, (n) => ({ n, of: [n] })),
    "decided",
  ],
  [
    "a million objects that differ",
    { uniqueItems: true },
    many(1_000_000, (n) => ({ n })),
    "MAX_SCHEMA_STEPS",
  ],
  [
    "much for each of many",
    { items: { allOf: many(900, () => ({ type: "number" })) } },
    many(100_000, () => 1),
    "MAX_SCHEMA_STEPS",
  ],
  [
    "a long enum for each of many",
    { items: { enum: many(5_000, (n) => ({ n })) } },
    many(5_000, (n) => ({ n: -n - 1 })),
    "MAX_SCHEMA_STEPS",
  ],
  [
    "many keys, many times",
    { allOf: many(900, () => ({ minProperties: 1 })) },
    named(100_000, () => 1),
    "MAX_SCHEMA_STEPS",
  ],
  ["half a million problems", { items: { type: "string" } }, many(500_000, () => 1), "decided"],
  ["an address of colons", { format: "url" }, `http://${"a:".repeat(100_000)}`, "decided"],
];

describe("a hostile schema", () => {
  it.each(hostile)("%s", (_name, schema, value, end) => {
    const speed = ownSpeed();
    const startedAt = speed.now();
    const check = () => compileSchema(schema)(value);
    if (end === "decided") expect(check()).toBeDefined();
    else expect(check).toThrow(end);
    // The dearest steps of a check are a tenth of those of an expression.
    expect(speed.now() - startedAt).toBeLessThan(1_000 + speed.steps(MAX_SCHEMA_STEPS / 10));
  });

  it("an ordinary pattern that looks ahead is answered", () => {
    const check = compileSchema({ pattern: "^(?=.*[A-Z])(?=.*\\d).{8,}$" });
    expect(check("Passw0rdx")).toEqual({ value: "Passw0rdx" });
    expect(check("password")).toHaveProperty("problems");
    expect(compileSchema({ pattern: "^(a|b)\\1$" })("bb")).toEqual({ value: "bb" });
  });

  it("an array of seven million numbers is checked", () => {
    const numbers = Array<number>(7_000_000).fill(0);
    expect(compileSchema({ items: { type: "number" } })(numbers)).toHaveProperty("value");
  });
});

describe("a pattern", () => {
  it("finds what JavaScript finds", () => {
    const part = constantFrom(
      "a",
      "b",
      ".",
      "\\d",
      "\\w",
      "\\s",
      "\\S",
      "[ab]",
      "[^a]",
      "[\\s\\d]",
      "\\b",
      "^",
      "$",
      ..."(?:a|b) (a|ab) (?<n>a) a* b+? a{2} [a-c-] [[] \\. \\/ \\u0061 \\x62 [^\\w] \\n \\t \\- [\\b] (?=a)".split(
        " ",
      ),
    );
    const char = constantFrom(..."ab1 _\n\r\u2028\u00a0\ufeff.-/[é😀\b".match(/./gsu)!);
    meter.start(1e9);
    assert(
      property(
        tuple(part, part, part).map((parts) => parts.join("")),
        string({ unit: char, maxLength: 6 }),
        (source, text) => {
          let expected: boolean;
          try {
            expected = new RegExp(source, "u").test(text);
          } catch {
            try {
              expected = new RegExp(source).test(text);
            } catch {
              return;
            }
          }
          if (source.includes("(?=")) return;
          expect(compilePattern(source).test(text), `${source} on ${JSON.stringify(text)}`).toBe(
            expected,
          );
        },
      ),
      { numRuns: 3_000, seed: 26 },
    );
  });
});
