import { describe, expect, test } from "vitest";

import { catalogueParts, ToolRegistry, ValidationError } from "../../../../config/index.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";

const tool = (id: string, perKey: string) =>
  `  - { id: ${id}, name: T, category: foundation, capabilities: [x], binding: { type: in_process }, limits: { ${perKey} } }`;
const registry = new ToolRegistry(
  catalogueParts(
    [
      "tutti: 1",
      "tools:",
      tool("each", "perKey: { by: step, concurrency: 1 }"),
      tool("own", "perKey: { by: tenant, concurrency: 1 }"),
      tool("plain", ""),
    ].join("\n"),
    "t.yaml",
  ).tools,
);
const text = (...steps: readonly string[]) =>
  ["tutti: 1", "id: wf", "steps:", ...steps.map((step) => `  - { ${step} }`)].join("\n");

function told(...steps: readonly string[]): string[] {
  try {
    prepare(text(...steps), registry);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(
      ({ code, message, position }) => `${position?.line}:${position?.column} ${code}: ${message}`,
    );
  }
}

describe("the lane of a step", () => {
  test("stands in the definition, with its key, and that of what undoes it", () => {
    const { definition } = prepare(
      text(
        'id: a, tool: each, key: "${{ input.account }}"',
        "id: b, tool: own, compensate: { tool: each }",
        "id: c, tool: plain",
      ),
      registry,
    );
    expect(definition.steps["a"]).toMatchObject({ lane: "step", key: "${{ input.account }}" });
    expect(definition.steps["b"]).toMatchObject({ lane: "tenant", compensate: { lane: "step" } });
    expect(definition.steps["c"]).not.toHaveProperty("lane");
    expect(definition.keyed).toBe(true);
    expect(prepare(text("id: a, tool: each"), registry).definition).not.toHaveProperty("keyed");
  });

  test("has a key of the run only, and only where it means something", () => {
    expect(
      told(
        'id: a, tool: each, key: "${{ steps.b.output }}"',
        'id: b, tool: each, forEach: "[1]", key: "${{ item }}"',
        "id: c, tool: own, key: x",
        "id: d, tool: plain, key: x",
        "id: e, approval: ok, key: x",
        "id: f, tool: each, key: 5",
      ),
    ).toEqual([
      "4:31 expression_invalid: steps[0].key: ${{ steps.b.output }}: Unknown variable: steps",
      "5:47 expression_invalid: steps[1].key: ${{ item }}: Unknown variable: item",
      "6:25 document_invalid: steps[2].key means nothing: own has no limits per key by step",
      "7:27 document_invalid: steps[3].key means nothing: plain has no limits per key by step",
      "8:28 document_invalid: steps[4].key means nothing for a step with approval",
      "9:31 document_invalid: expected steps[5].key to be a string, got: 5",
    ]);
  });
});
