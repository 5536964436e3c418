import { assert, property, string } from "fast-check";
import { describe, expect, it } from "vitest";

import { compileCondition, compileTemplate, type Json } from "../../../config/index.ts";

const variables = {
  input: { n: 3, text: "hi", list: [1, 2], object: { a: null }, big: 2 ** 53 - 1 },
  steps: {
    a: { state: "completed", output: { n: 1.5, "odd name": "x" } },
    b: { state: "skipped" },
  },
  run: { id: "r" },
};
const render = (value: Json) => compileTemplate(value, "result").render(variables);

describe("a template", () => {
  it.each([
    ["a whole expression keeps its type", "${{ input.n }}", 3],
    ["lists", "${{ input.list }}", [1, 2]],
    ["objects", "${{ input.object }}", { a: null }],
    ["whole numbers of CEL are JSON numbers", "${{ size(input.list) }}", 2],
    ["mixed arithmetic", "${{ input.n * 2 + steps.a.output.n }}", 7.5],
    ["inside text values are written out", "n=${{ input.n }} ${{ input.list }}", "n=3 [1,2]"],
    ["texts as they are", "<${{ input.text }}>", "<hi>"],
    ["two side by side", "${{ input.n }}${{ input.n }}", "33"],
    ["braces inside an expression", "${{ {'a': {'b': 1}}.a.b }}", 1],
    ["closing braces inside quotes", "${{ 'a }} b' }}", "a }} b"],
    ["quotes inside quotes", '${{ "it\'s }}" }}', "it's }}"],
    ["escaped quotes", "${{ 'a\\'}} b' }}", "a'}} b"],
    ["an escape", "$${{ input.n }}", "${{ input.n }}"],
    ["an escape before an expression", "$${{ x ${{ input.n }}", "${{ x 3"],
    ["a single brace is text", "${ input.n } }}", "${ input.n } }}"],
    ["no expression", "plain", "plain"],
    ["empty", "", ""],
    ["names in brackets", "${{ steps['a'].output['odd name'] }}", "x"],
    [
      "nested values",
      { a: ["${{ input.n }}", { b: "${{ run.id }}" }], c: 1 },
      { a: [3, { b: "r" }], c: 1 },
    ],
    ["times as text", "${{ timestamp('2026-01-02T03:04:05Z') }}", "2026-01-02T03:04:05.000Z"],
    ["bytes as base64", "${{ b'ab' }}", "YWI="],
  ] as [string, Json, Json][])("%s", (_name, template, value) => {
    expect(render(template)).toEqual(value);
  });

  it("text without an expression is itself", () => {
    assert(
      property(
        string({ unit: "grapheme", maxLength: 200 }).filter((text) => !text.includes("${{")),
        (text) => {
          expect(render(text)).toBe(text);
        },
      ),
    );
  });

  it("knows what it reads", () => {
    const found = compileTemplate(
      {
        a: "${{ steps.x.output + steps['y'].output }}",
        b: "${{ secrets.KEY }}",
        c: "${{ input.z }}",
      },
      "step",
    );
    expect([...found.steps]).toEqual(["x", "y"]);
    expect([...found.secrets]).toEqual(["KEY"]);
    expect(found).toMatchObject({ readsInput: true, dynamic: true });
    expect(compileTemplate({ a: [1, "x"] }, "step")).toMatchObject({
      readsInput: false,
      dynamic: false,
    });
  });

  it.each([
    ["not closed", "${{ input.n", "without its closing"],
    ["not closed because of a quote", "${{ 'input.n }}", "without its closing"],
    ["empty", "${{ }}", "${{  }}"],
    ["a step that is computed", "${{ steps[input.text].output }}", "known before the run"],
    ["all steps", "${{ size(steps) }}", "cannot be used as a whole"],
    ["regular expressions", "${{ 'a'.matches('b') }}", "matches() is not available"],
    ["an unknown variable", "${{ nothing.a }}", "nothing"],
    ["a secret where values are stored", "${{ secrets.KEY }}", "secrets"],
    ["an item outside forEach", "${{ item }}", "item"],
    ["too long", `\${{ '${"x".repeat(10_001)}' }}`, "longer than"],
    ["too deep", `\${{ ${"(".repeat(200)}1${")".repeat(200)} }}`, "${{"],
  ])("%s is expression_invalid", (_name, text, message) => {
    expect(() => compileTemplate(text, "result")).toThrow(
      expect.objectContaining({
        code: "expression_invalid",
        message: expect.stringContaining(message) as string,
      }) as Error,
    );
  });

  it("nested too deep is refused", () => {
    let value: Json = "x";
    for (let level = 0; level < 200; level++) value = [value];
    expect(() => compileTemplate(value, "step")).toThrow("nested deeper");
  });

  it.each([
    ["a field that is not there", "${{ input.gone }}"],
    ["the output of a step without one", "${{ steps.b.output }}"],
    ["a number that JSON cannot hold", "${{ 1.0 / 0.0 }}"],
    ["an integer that JSON cannot hold", "${{ 9007199254740993 }}"],
    ["a function", "${{ type(1) }}"],
    ["adding what does not add", "${{ input.text + input.list }}"],
  ])("%s is reference_missing when it is filled in", (_name, text) => {
    const template = compileTemplate(text, "result");
    expect(() => template.render(variables)).toThrow(
      expect.objectContaining({ code: "reference_missing" }) as Error,
    );
  });

  it("an item is called as the forEach says", () => {
    const template = compileTemplate("${{ file.name }}:${{ index }}", "item", { itemName: "file" });
    expect(template.render({ file: { name: "a" }, index: 2 })).toBe("a:2");
    for (let n = 0; n < 250; n++)
      expect(
        compileTemplate(`\${{ v${n} }}`, "item", { itemName: `v${n}` }).render({ [`v${n}`]: n }),
      ).toBe(n);
  });

  it("a condition may come with or without braces", () => {
    expect(compileCondition("input.n == 3", "result").render(variables)).toBe(true);
    expect(compileCondition("${{ input.n == 4 }}", "result").render(variables)).toBe(false);
  });
});
