import { describe, expect, it } from "vitest";

import { compileSchema, type JsonSchema } from "../../../config/index.ts";

const DRAFT_07 = "http://json-schema.org/draft-07/schema#";
const DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema";
const DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema";

describe("the drafts of JSON Schema", () => {
  it.each([
    [
      "draft-07: definitions",
      {
        $schema: DRAFT_07,
        definitions: { a: { type: "string" } },
        properties: { a: { $ref: "#/definitions/a" } },
      },
      { a: "x" },
      { a: 1 },
    ],
    [
      "draft-07: a list of items",
      { $schema: DRAFT_07, items: [{ type: "string" }], additionalItems: false },
      ["a"],
      ["a", 1],
    ],
    [
      "draft-07: dependencies",
      { $schema: DRAFT_07, dependencies: { a: ["b"] } },
      { a: 1, b: 1 },
      { a: 1 },
    ],
    [
      "draft-07 without #, over https",
      { $schema: "https://json-schema.org/draft-07/schema", const: 1 },
      1,
      2,
    ],
    ["draft-06", { $schema: "http://json-schema.org/draft-06/schema#", const: 1 }, 1, 2],
    [
      "2019-09: recursion",
      {
        $schema: DRAFT_2019,
        $recursiveAnchor: true,
        properties: { n: { type: "number" }, kids: { items: { $recursiveRef: "#" } } },
      },
      { kids: [{ n: 1 }] },
      { kids: [{ n: "x" }] },
    ],
    [
      "2019-09: unevaluated",
      { $schema: DRAFT_2019, properties: { a: true }, unevaluatedProperties: false },
      { a: 1 },
      { b: 1 },
    ],
    ["2019-09: a list of items", { $schema: DRAFT_2019, items: [{ type: "string" }] }, ["a"], [1]],
    [
      "2020-12: prefixItems",
      { $schema: DRAFT_2020, prefixItems: [{ type: "string" }], items: false },
      ["a"],
      ["a", 1],
    ],
    [
      "2020-12: a tree",
      {
        $schema: DRAFT_2020,
        $dynamicAnchor: "node",
        properties: { kids: { items: { $dynamicRef: "#node" } }, n: { type: "number" } },
      },
      { kids: [{ n: 1 }] },
      { kids: [{ n: "x" }] },
    ],
    ["none said: the newest", { dependentRequired: { a: ["b"] } }, { a: 1, b: 1 }, { a: 1 }],
    [
      "a reference to itself",
      { type: "object", properties: { n: { type: "number" }, kid: { $ref: "#" } } },
      { kid: { kid: { n: 1 } } },
      { kid: { kid: { n: "x" } } },
    ],
    [
      "a reference to itself, with an $id",
      {
        $id: "https://example.com/tree",
        properties: { n: { type: "number" }, kid: { $ref: "#" } },
      },
      { kid: { n: 1 } },
      { kid: { n: "x" } },
    ],
    ["anchors", { $defs: { a: { $anchor: "word", type: "string" } }, $ref: "#word" }, "x", 1],
    [
      "keys that look like words of the standard",
      { properties: { enum: { type: "number" }, constructor: { type: "number" } } },
      { enum: 1, constructor: 1 },
      { constructor: "x" },
    ],
  ] as [string, JsonSchema, unknown, unknown][])("%s", (_name, schema, good, bad) => {
    const check = compileSchema(schema);
    expect(check(good)).toEqual({ value: good });
    expect(check(bad)).toHaveProperty("problems");
    expect(compileSchema(structuredClone(schema))(good)).toEqual({ value: good });
  });

  it.each(["http://json-schema.org/draft-04/schema#", "https://example.com/mine", 7])(
    "$schema %s is refused by name",
    ($schema) => {
      expect(() => compileSchema({ $schema })).toThrow(/draft-07, 2019-09 or 2020-12, got: /);
    },
  );

  it("defaults of every draft are filled in, into a copy", () => {
    for (const $schema of [DRAFT_07, DRAFT_2019, DRAFT_2020]) {
      const given = {};
      expect(compileSchema({ $schema, properties: { a: { default: 1 } } })(given)).toEqual({
        value: { a: 1 },
      });
      expect(given).toEqual({});
    }
  });
});
