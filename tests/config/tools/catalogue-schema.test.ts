import { readdirSync, readFileSync } from "node:fs";

import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { catalogueJsonSchema, catalogueParts, ValidationError } from "../../../config/index.ts";

const isCatalogue = new Ajv2020({ strict: false }).compile(catalogueJsonSchema());
const at = (path: string): unknown => parse(readFileSync(path, "utf8"));

test("schema/catalogue.json is what the code says; `npm run schema` writes it anew", () => {
  expect(JSON.parse(readFileSync("schema/catalogue.json", "utf8"))).toEqual(catalogueJsonSchema());
});

test("an editor that reads it accepts all shipped catalogues and the examples, and marks mistakes", () => {
  const shipped = readdirSync("config/catalogue").filter((name) => name.endsWith(".yaml"));
  for (const path of [
    ...shipped.map((name) => `config/catalogue/${name}`),
    "examples/tools.yaml",
  ]) {
    isCatalogue(at(path));
    expect([path, isCatalogue.errors]).toEqual([path, null]);
  }
  const tool = { id: "a", name: "A", category: "foundation", capabilities: ["x"] };
  expect(isCatalogue({ tutti: 1, tools: [tool] })).toBe(true);
  expect(isCatalogue({ tutti: 1, tool: [] })).toBe(false);
  expect(isCatalogue({ tutti: 1, tools: [{ ...tool, category: "other" }] })).toBe(false);
});

test("every field of it says what it means", () => {
  const silent: string[] = [];
  const look = (schema: unknown, path: string): void => {
    if (typeof schema !== "object" || schema === null) return;
    for (const [key, value] of Object.entries(schema)) {
      if (key === "properties")
        for (const [name, field] of Object.entries(value as object))
          if (!("description" in (field as object))) silent.push(`${path}.${name}`);
      look(value, `${path}.${key}`);
    }
  };
  look(catalogueJsonSchema(), "");
  expect(silent).toEqual([]);
});

const TOOL =
  "tutti: 1\ntools:\n  - id: a\n    name: A\n    category: foundation\n    capabilities: [x]\n";

describe("a mistake is told with its place, what was given, and what was probably meant", () => {
  test.each([
    ["nothing at all", "", "1:1 expected the document to be an object, got: null"],
    ["another version", "tutti: 2", "1:8 expected tutti to be 1, got: 2"],
    ["a key of the file", "tutti: 1\ntool: []", '2:1 unknown key "tool" in the document (tools)'],
    ["tools as a map", "tutti: 1\ntools: {}", "2:8 expected tools to be a list, got: {}"],
    [
      "a field that is missing",
      TOOL.replace("    capabilities: [x]\n", ""),
      "3:5 expected tools[0].capabilities to be given (a list)",
    ],
    [
      "an id with a space",
      TOOL.replace("id: a", "id: a b"),
      '3:9 expected tools[0].id to be letters, digits, _ and - after a letter, in parts with dots between, got: "a b"',
    ],
    [
      "a category",
      TOOL.replace("foundation", "foundations"),
      '5:15 expected tools[0].category to be one of foundation, intelligence, creation, communication, visual_media, data_management, enterprise, autonomous, got: "foundations" (foundation)',
    ],
    [
      "a list that is no list",
      TOOL.replace("[x]", "x"),
      '6:19 expected tools[0].capabilities to be a list, got: "x"',
    ],
    ["a key of a tool", `${TOOL}    limit: {}\n`, '7:5 unknown key "limit" in tools[0] (limits)'],
    [
      "a number out of range",
      `${TOOL}    limits: { concurrency: 0 }\n`,
      "7:28 expected tools[0].limits.concurrency to be more than 0, got: 0",
    ],
    [
      "a text for a number",
      `${TOOL}    timeoutMs: soon\n`,
      '7:16 expected tools[0].timeoutMs to be a number, got: "soon"',
    ],
    [
      "half a number",
      `${TOOL}    timeoutMs: 1.5\n`,
      "7:16 expected tools[0].timeoutMs to be a whole number, got: 1.5",
    ],
    [
      "a kind of binding",
      `${TOOL}    binding: { type: htp }\n`,
      '7:22 expected tools[0].binding.type to be one of in_process, command, http, mcp, got: "htp" (http)',
    ],
    [
      "a binding without a kind",
      `${TOOL}    binding: { url: "http://a" }\n`,
      "7:14 expected tools[0].binding.type to be given (one of in_process, command, http, mcp)",
    ],
    [
      "a key of one kind of binding",
      `${TOOL}    binding: { type: http, url: "http://a", methd: PUT }\n`,
      '7:45 unknown key "methd" in tools[0].binding (method)',
    ],
    [
      "a method",
      `${TOOL}    binding: { type: http, url: "http://a", method: put }\n`,
      '7:53 expected tools[0].binding.method to be one of GET, HEAD, POST, PUT, PATCH, DELETE, got: "put" (PUT)',
    ],
    [
      "the name of a budget",
      "tutti: 1\nbudgets: { 'a:b': { slots: 1 } }",
      '2:12 expected the name "a:b" in budgets to be 1 to 100 characters of A-Z a-z 0-9 . _ -, a letter first',
    ],
    [
      "the address of a server",
      "tutti: 1\nservers: { a: { transport: http, url: nowhere } }",
      '2:39 expected servers.a.url to be a URL, got: "nowhere"',
    ],
  ])("%s", (_, text, said) => {
    try {
      catalogueParts(text, "f.yaml");
      expect.fail("it was accepted");
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(ValidationError);
      const [{ position, message, suggestion } = { message: "" }] = (thrown as ValidationError)
        .issues;
      const hint = suggestion === undefined ? "" : ` (${suggestion})`;
      expect(`${position?.line}:${position?.column} ${message}${hint}`).toBe(said);
    }
  });
});
