import { assert, property, string } from "fast-check";
import { expect, test } from "vitest";

import { compileTemplate } from "../../../../config/index.ts";
import { rewritePlaceholders } from "../../../../src/workflow/forms/placeholders.ts";

const ids = new Set(["a", "b-1", "steps", "in", "7"]);

test.each([
  ["{{a.x}}", "${{ steps.a.output.x }}"],
  ["{{ a }}", "${{ steps.a.output }}"],
  ["{{steps.a.result.x.y}}", "${{ steps.a.output.x.y }}"],
  ["{{steps.a.output.x}}", "${{ steps.a.output.x }}"],
  ["{{steps.a.x}}", "${{ steps.a.output.x }}"],
  ["{{steps.a.result}}", "${{ steps.a.output }}"],
  ["{{steps.x}}", "${{ steps.steps.output.x }}"],
  ["{{a.result}}", "${{ steps.a.output.result }}"],
  ["{{a.list[0].x.1}}", "${{ steps.a.output.list[0].x[1] }}"],
  ["{{b-1.x-y}}", '${{ steps["b-1"].output["x-y"] }}'],
  ["{{in.in}}", '${{ steps["in"].output["in"] }}'],
  ["{{7.x}}", '${{ steps["7"].output.x }}'],
  ["{{input.x}}", "${{ input.x }}"],
  ["{{inputs.x}}", "${{ input.x }}"],
  ["{{input}}", "${{ input }}"],
  ["from {{a.x}} to {{a.y}}.", "from ${{ steps.a.output.x }} to ${{ steps.a.output.y }}."],
  ["${{ steps.a.output.x }} and {{a.y}}", "${{ steps.a.output.x }} and ${{ steps.a.output.y }}"],
  ['${{ "{{" }}', '${{ "{{" }}'],
  ["{ {a} }", "{ {a} }"],
  ["{{a.x", "{{a.x"],
])("%s is %s", (text, expected) => {
  expect(rewritePlaceholders(text, ids)).toEqual({ text: expected });
  expect(() => compileTemplate(expected, "step")).not.toThrow();
});

test.each(["{{}}", "{{nobody.x}}", "{{a.x | upper}}", "{{nothing}}", "{{a..x}}"])(
  "%s is refused",
  (text) => {
    expect(rewritePlaceholders(text, ids)).toMatchObject({
      message: expect.stringContaining(text),
    });
  },
);

test("without a step of that name, steps is no step", () => {
  expect(rewritePlaceholders("{{steps.nobody.result}}", new Set(["a"]))).toHaveProperty("message");
});

test("in a condition a placeholder is a part of the expression", () => {
  expect(rewritePlaceholders("{{a.x}} > {{a.y}}", ids, true)).toEqual({
    text: "steps.a.output.x > steps.a.output.y",
  });
  expect(rewritePlaceholders("${{ input.x }}", ids, true)).toEqual({ text: "${{ input.x }}" });
});

test("text without braces stays, whatever it is", () => {
  assert(
    property(string(), (text) => {
      const plain = text.replaceAll("{{", "{");
      expect(rewritePlaceholders(plain, ids)).toEqual({ text: plain });
    }),
  );
});

test("a text full of braces takes no longer than its length", () => {
  // Processor time: what else the machine does is no matter.
  const since = process.cpuUsage();
  rewritePlaceholders("${{".repeat(500_000), ids);
  rewritePlaceholders("{{a}}".repeat(50_000), ids);
  expect(process.cpuUsage(since).user).toBeLessThan(2_000_000);
});
