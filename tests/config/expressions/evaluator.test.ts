import { Environment } from "@marcbachmann/cel-js";
import {
  assert,
  constantFrom,
  integer,
  letrec,
  oneof,
  property,
  tuple,
  type Arbitrary,
} from "fast-check";
import { describe, expect, it } from "vitest";

import { compileTemplate, type Json } from "../../../config/index.ts";

const input = {
  n: 3,
  zero: 0,
  text: "hello",
  list: [1, 2, 3, 2],
  rows: [
    { id: 1, tags: ["a", "b"], ok: true },
    { id: 2, tags: [], ok: false },
  ],
  object: { a: null, c: 1 },
  yes: true,
};
const render = (source: string, given: Json = input): Json =>
  compileTemplate(`\${{ ${source} }}`, "result").render({ input: given, steps: {}, run: {} });

/** What the library's own evaluator says, as JSON; undefined when it has no value. */
const reference = (() => {
  const environment = new Environment({
    unlistedVariablesAreDyn: false,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
  }).registerVariable("input", "dyn");
  return (source: string): string | undefined => {
    try {
      const value: unknown = environment.evaluate(source, { input });
      return JSON.stringify(value, (_key, one: unknown) =>
        typeof one === "bigint" ? Number(one) : one,
      );
    } catch {
      return undefined;
    }
  };
})();

/** Expressions of every operator and macro, most of them sensible. */
const { expression } = letrec<{ expression: string }>((tie) => {
  const inner = tie("expression");
  const leaf = constantFrom(
    "input.n",
    "input.zero",
    "input.text",
    "input.list",
    "input.rows",
    "input.object",
    "input.yes",
    "input.gone",
    "input.rows[0].tags",
    "input.list[1]",
    "input.object.c",
    "1",
    "2",
    "1.5",
    "-3",
    "'hello'",
    "'l'",
    "true",
    "false",
    "null",
    "[]",
    "[1, 2]",
    "{}",
    "input.rows[1].ok",
    "{'a': 1, 'b': [2]}",
    "dyn(1)",
    "dyn('a')",
  );
  const fill = (form: string, ...parts: Arbitrary<string>[]) =>
    tuple(...parts).map((values) =>
      values.reduce((text, value, index) => text.replaceAll(`$${index}`, value), form),
    );
  const operators = ["==", "!=", "<", "<=", ">", ">=", "&&", "||", "in", "+", "-", "*", "/", "%"];
  return {
    expression: oneof(
      { depthSize: "small", withCrossShrink: true, maxDepth: 4 },
      leaf,
      tuple(inner, constantFrom(...operators), inner).map((parts) => `(${parts.join(" ")})`),
      fill("($0 ? $1 : $2)", inner, inner, inner),
      fill("!$0", inner),
      fill("[$0, $1]", inner, inner),
      fill("{'k': $0}", inner),
      fill("$0[$1]", inner, inner),
      fill("has(input.rows[0].$0)", constantFrom("id", "gone")),
      fill("input.?$0.orValue($1)", constantFrom("n", "gone"), inner),
      tuple(constantFrom("map", "filter", "all", "exists", "exists_one"), inner, inner).map(
        ([macro, range, body]) => `${range}.${macro}(x, ${body.replaceAll("input.n", "x")})`,
      ),
      fill("$0.map(x, $1, x)", inner, inner),
      fill("cel.bind(y, $0, [y, $1])", inner, inner),
      fill("size($0)", inner),
      fill("string($0)", inner),
      fill("$0.contains($1)", inner, inner),
      fill("$0.split('l')", inner),
      fill("$0.join('-')", inner),
      fill("$0.substring($1)", inner, integer({ min: 0, max: 6 }).map(String)),
      fill("(type($0) == type($1))", inner, inner),
    ),
  };
});

describe("the evaluator", () => {
  it("says what the library's own says, of random expressions", () => {
    let compared = 0;
    assert(
      property(expression, (source) => {
        const expected = reference(source);
        if (expected === undefined) return;
        compared++;
        expect(JSON.stringify(render(source)), source).toBe(expected);
      }),
      { numRuns: 10_000, seed: 26 },
    );
    expect(compared).toBeGreaterThan(1_000);
  });

  it.each([
    // Days, times and zones that a calendar has
    ["timestamp('2024-02-29T23:59:59.5Z')", "2024-02-29T23:59:59.500Z"],
    ["timestamp('2026-01-31T01:00:00+02:30')", "2026-01-30T22:30:00.000Z"],
    ["string(timestamp('2026-01-31T09:00:00Z'))", "2026-01-31T09:00:00Z"],
    ["timestamp('0001-01-01T00:00:00Z').getFullYear()", 1],
    ["timestamp('2024-12-31T12:00:00Z').getDayOfYear()", 365],
    ["timestamp('2026-03-29T01:30:00Z').getHours('Europe/Berlin')", 3],
    ["timestamp('2026-03-29T23:30:00Z').getDate('+02:00')", 30],
    ["timestamp('2026-01-01T00:00:00Z') + duration('36h')", "2026-01-02T12:00:00.000Z"],
    ["timestamp('2026-01-02T00:00:00Z') - timestamp('2026-01-01T00:00:00Z')", "86400s"],
    // Durations and unsigned integers come out
    ["duration('1h30m')", "5400s"],
    ["duration('-1.5s')", "-1.5s"],
    ["duration('-0.5s')", "-0.5s"],
    ["[duration('1ns')]", ["0.000000001s"]],
    ["5u", 5],
    ["{'n': 5u + 1u}", { n: 6 }],
    ["string(duration('90m'))", "5400s"],
    ["duration('90m').getMinutes()", 90],
    // Characters are code points
    ["'👍a'.size()", 2],
    ["'👍a'.indexOf('a')", 1],
    ["'a👍b👍'.lastIndexOf('👍')", 3],
    ["'a👍b👍'.lastIndexOf('👍', 2)", 1],
    ["'👍abc'.substring(1, 3)", "ab"],
    ["'👍abc'.substring(1)", "abc"],
    ["'👍b'.indexOf('b', 1)", 1],
    ["'a👍'.split('')", ["a", "👍"]],
    ["'\u{10000}' > '\uffff'", true],
    ["'ÄB'.lowerAscii()", "Äb"],
    ["'äb'.upperAscii()", "äB"],
    // Texts that are written raw, or with three quotes
    ["r'a\\nb'", "a\\nb"],
    ["r'\\'", "\\"],
    ['R"""a"b\\"""', 'a"b\\'],
    ["'''it's }} here'''", "it's }} here"],
    ['"""a\n"b" }}"""', 'a\n"b" }}'],
    ["r'}}' + '}}'", "}}}}"],
    ["string(b'é')", "é"],
    ["size(b'é')", 2],
    ["br'\\x'", "XHg="],
    ["b'\\xff'", "/w=="],
    // Keys that objects of JavaScript have of themselves
    ["{'constructor': 1, 'prototype': 2, '__proto__': {'a': 3}}.__proto__.a", 3],
    ["{'constructor': 1}", { constructor: 1 }],
    ["size({'constructor': 1, 'prototype': 2, '__proto__': 3})", 3],
    ["'constructor' in {}", false],
    ["has(input.constructor)", false],
  ] as [string, Json][])("%s", (source, value) => {
    expect(render(source)).toEqual(value);
  });

  it("a map with the key __proto__ comes out with it", () => {
    const made = render("{'__proto__': {'admin': true}, 'a': 1}") as object;
    expect(Object.keys(made)).toEqual(["__proto__", "a"]);
    expect(Object.getPrototypeOf(made)).toBe(Object.prototype);
    expect(JSON.stringify(made)).toBe('{"__proto__":{"admin":true},"a":1}');
  });

  it.each(["constructor", "prototype", "__proto__", "toString", "hasOwnProperty", "length"])(
    "an object with the key %s is read, at any depth",
    (key) => {
      const object = JSON.parse(`{"${key}": {"${key}": [{"${key}": 7}]}, "other": 1}`) as Json;
      expect(render("input.other", object)).toBe(1);
      expect(render(`input.${key}.${key}[0].${key}`, object)).toBe(7);
      expect(render(`input['${key}'].${key}.map(x, x.${key} + 1)`, object)).toEqual([8]);
      expect(render(`input == input && [input] == [input] && '${key}' in input`, object)).toBe(
        true,
      );
      expect(render("input.map(k, k)", object)).toEqual([key, "other"]);
      expect(JSON.stringify(render("[input]", object))).toBe(`[${JSON.stringify(object)}]`);
      expect(() => render(`input.${key}`, { other: 1 })).toThrow("No such key");
    },
  );

  it.each([
    ["timestamp('2026-02-30T00:00:00Z')", "there is no 2026-02-30"],
    ["timestamp('2025-02-29T00:00:00Z')", "there is no"],
    ["timestamp('2026-13-01T00:00:00Z')", "there is no"],
    ["timestamp('2026-04-31T00:00:00Z')", "there is no"],
    ["timestamp('2026-01-01T24:00:00Z')", "there is no"],
    ["timestamp('2026-01-01T00:00:00')", "RFC 3339"],
    ["timestamp('2026-01-01T00:00:00+24:00')", "there is no"],
    ["timestamp('0000-01-01T00:00:00Z')", "there is no"],
    ["timestamp('2026-01-01T00:00:00Z').getHours('No/Where')", "no time zone"],
    ["timestamp('9999-12-31T00:00:00Z') + duration('48h')", "years 1 to 9999"],
    ["duration('')", "Invalid duration"],
    ["duration('1')", "Invalid duration"],
    ["duration('100000000h')", "10,000 years"],
    ["int(1e300)", "integer overflow"],
    ["-(-9223372036854775807 - 1)", "integer overflow"],
    ["9223372036854775807 + 1", "integer overflow"],
    ["18446744073709551615u", "2^53"],
    ["[9007199254740993]", "9007199254740993"],
    ["b'\\xff'.string()", "not UTF-8"],
    ["'👍a'.substring(3)", "out of range"],
    ["optional.none()", "JSON cannot hold"],
    ["input.text && true", "bool"],
    ["input.list.exists(x, x)", "must return bool"],
  ])("%s has no value", (source, reason) => {
    expect(() => render(source)).toThrow(
      expect.objectContaining({
        code: "reference_missing",
        message: expect.stringContaining(reason) as string,
      }) as Error,
    );
  });
});
