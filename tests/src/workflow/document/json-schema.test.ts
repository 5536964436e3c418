import { readFileSync } from "node:fs";

import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";

import { workflowJsonSchema } from "../../../../src/workflow/document/schema.ts";

const file: unknown = JSON.parse(readFileSync("schema/workflow.json", "utf8"));
const isWorkflow = new Ajv2020({ strict: false }).compile(workflowJsonSchema());

test("schema/workflow.json is what the code says; `npm run schema` writes it anew", () => {
  expect(file).toEqual(workflowJsonSchema());
});

describe("an editor that reads the schema", () => {
  test("accepts the example", () => {
    isWorkflow(parse(readFileSync("examples/repo-health.yaml", "utf8")));
    expect(isWorkflow.errors).toBeNull();
  });

  test("marks a mistyped key and a wrong value", () => {
    expect(isWorkflow({ tutti: 1, id: "a", steps: [{ id: "b", tool: "c", need: [] }] })).toBe(
      false,
    );
    expect(isWorkflow({ tutti: 1, id: "a", mode: "fast", steps: [{ id: "b", tool: "c" }] })).toBe(
      false,
    );
  });
});
