import { expect } from "vitest";

import type { JsonObject } from "../../../config/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

const KEYS = [
  "constructor",
  "prototype",
  "toString",
  "valueOf",
  "hasOwnProperty",
  "length",
  "then",
];

test("objects are read and handed on whatever their keys, in inputs and outputs", async ({
  orchestra: { tutti, work },
}) => {
  await work({ probe: (input) => input["value"] ?? null });
  const odd = Object.fromEntries(
    KEYS.map((key) => [key, { [key]: [{ [key]: 7 }], other: 1 }]),
  ) as JsonObject;
  const read = KEYS.map((key) => `steps.a.output.${key}.${key}[0].${key}`).join(" + ");
  const document = {
    ...workflow([
      { id: "a", with: { value: "${{ input }}" } },
      { id: "b", with: { value: { n: `\${{ ${read} }}`, all: "${{ steps.a.output }}" } } },
      { id: "each", forEach: "${{ [input] }}", with: { value: "${{ item }}" } },
    ]),
    output: {
      b: "${{ steps.b.output }}",
      each: "${{ steps.each.output[0] }}",
      made: "${{ {'constructor': 1, 'prototype': 2} }}",
    },
  };
  const { runId } = await tutti.submit(document, { input: odd });
  const run = await tutti.result(runId);
  expect(run).toMatchObject({ state: "completed" });
  expect(run.output).toEqual({
    b: { n: 7 * KEYS.length, all: odd },
    each: odd,
    made: { constructor: 1, prototype: 2 },
  });
});
