import { expect, test } from "vitest";

import { compileSchema } from "../../../config/index.ts";

const schema = {
  type: "object",
  additionalProperties: false,
  required: ["path"],
  properties: {
    path: { type: "string" },
    limit: { type: "integer", minimum: 1, default: 20 },
    kind: { enum: ["a", "b"] },
    list: { type: "array", items: { type: "object", properties: { n: { type: "number" } } } },
  },
};

test("a good value comes back with defaults, as a copy", () => {
  const value = { path: "x" };
  expect(compileSchema(schema)(value)).toEqual({ value: { path: "x", limit: 20 } });
  expect(value).toEqual({ path: "x" });
});

test("every problem is named with its path and a suggestion", () => {
  expect(compileSchema(schema)({ pth: "x", limit: 0, kind: "c", list: [{ n: "1" }] })).toEqual({
    problems: expect.arrayContaining([
      { path: [], message: "must have required property 'path'" },
      { path: ["pth"], message: 'unknown field "pth"', suggestion: "path" },
      { path: ["limit"], message: "limit must be >= 1" },
      { path: ["kind"], message: "kind must be equal to one of the allowed values: a, b" },
      { path: ["list", 0, "n"], message: "list.0.n must be number" },
    ]),
  });
});

test("a schema is compiled once; a bad one is refused", () => {
  expect(compileSchema(schema)).toBe(compileSchema(schema));
  const invalid = expect.objectContaining({ code: "catalogue_invalid" });
  expect(() => compileSchema({ type: "nonsense" })).toThrow(invalid);
  expect(() => compileSchema({ $ref: "#/nowhere" })).toThrow(invalid);
});

test("two schemas may have the same $id", () => {
  const one = compileSchema({ $id: "https://example.com/x", type: "string" });
  const two = compileSchema({ $id: "https://example.com/x", type: "number" });
  expect([one("a"), two(1)]).toEqual([{ value: "a" }, { value: 1 }]);
});
