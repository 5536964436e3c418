import { describe, expect, test } from "vitest";

import { catalogueParts, ToolRegistry, ValidationError } from "../../../../config/index.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";

const BOUND = "category: foundation, binding: { type: in_process }";
const { tools } = catalogueParts(
  `tutti: 1
tools:
  - { id: look, name: L, version: "7", ${BOUND}, capabilities: [look], effect: read, idempotent: true, alternatives: [peek, loose] }
  - { id: peek, name: P, ${BOUND}, capabilities: [look, peek], idempotent: true, timeoutMs: 5000, input: { type: object, properties: { path: { type: string } }, additionalProperties: false } }
  - { id: loose, name: U, category: foundation, capabilities: [look] }
  - { id: send, name: S, ${BOUND}, capabilities: [send], effect: write, idempotent: true }
  - { id: once, name: O, ${BOUND}, capabilities: [look], effect: read }`,
  "t.yaml",
);
const registry = new ToolRegistry(tools);

const planOf = (...steps: readonly string[]) =>
  prepare(["tutti: 1", "id: wf", "steps:", ...steps].join("\n"), registry, { file: "f" });

function told(...steps: readonly string[]): string[] {
  try {
    planOf(...steps);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(
      ({ position, code, message }) => `${position?.line}:${position?.column} ${code}: ${message}`,
    );
  }
}

describe("cache", () => {
  test("is in the definition, with the version of the tool; a step without it is what it was", () => {
    const { definition } = planOf(
      "  - { id: a, tool: look, cache: { ttlMs: 10 } }",
      "  - { id: b, tool: look, cache: { ttlMs: 10, staleMs: 20 } }",
      "  - { id: c, tool: look }",
    );
    expect(definition.steps["a"]?.cache).toEqual({ ttlMs: 10, staleMs: 10, version: "7" });
    expect(definition.steps["b"]?.cache).toEqual({ ttlMs: 10, staleMs: 20, version: "7" });
    expect(definition.steps["c"]).not.toHaveProperty("cache");
  });

  test("is refused for tools that do more than read, unless the step insists", () => {
    expect(
      told(
        "  - { id: a, tool: send, cache: { ttlMs: 10 } }",
        "  - { id: b, tool: once, cache: { ttlMs: 10, staleMs: 5 } }",
        "  - { id: c, tool: send, cache: { ttlMs: 10, insist: true } }",
        "  - { id: d, waitMs: 1, cache: { ttlMs: 10 } }",
      ),
    ).toEqual([
      "4:26 document_invalid: steps[0].cache: send has the effect write, and a kept result has none; if that is meant, say insist: true",
      "5:26 document_invalid: steps[1].cache: once is not idempotent, and a kept result has none; if that is meant, say insist: true",
      "5:55 document_invalid: expected steps[1].cache.staleMs to be at least ttlMs (10), got: 5",
      "7:25 document_invalid: steps[3].cache means nothing for a step with waitMs",
    ]);
  });
});

describe("fallback", () => {
  test("is the alternatives of the catalogue that can be called, then a kept result", () => {
    const { definition } = planOf(
      "  - { id: a, tool: look, fallback: true, retry: { maxAttempts: 2 } }",
      "  - { id: b, tool: look, fallback: { tool: once, with: { x: 1 } }, cache: { ttlMs: 1 } }",
      "  - { id: c, tool: look, fallback: { cache: false }, cache: { ttlMs: 1 }, timeoutMs: 9 }",
      "  - { id: d, tool: look }",
    );
    const fallbackOf = (id: string) => definition.steps[id]?.fallback;
    expect(fallbackOf("a")).toMatchObject({
      tools: [{ tool: "peek", timeoutMs: 5_000, idempotent: true, retry: { maxAttempts: 2 } }],
      cache: false,
    });
    expect(fallbackOf("b")).toMatchObject({
      tools: [{ tool: "once", with: { x: 1 }, idempotent: false, retry: { maxAttempts: 1 } }],
      cache: true,
    });
    expect(fallbackOf("c")).toMatchObject({
      tools: [{ tool: "peek", timeoutMs: 9 }],
      cache: false,
    });
    expect(definition.steps["d"]).not.toHaveProperty("fallback");
  });

  test("depends on what its input reads", () => {
    const { definition } = planOf(
      "  - { id: a, tool: look }",
      '  - { id: b, tool: look, fallback: { tool: once, with: { x: "${{ steps.a.output }}" } } }',
    );
    expect(definition.steps["b"]?.needs).toEqual(["a"]);
  });

  test("that leads nowhere is refused, all problems at once", () => {
    expect(
      told(
        "  - { id: a, tool: send, fallback: true }",
        "  - { id: b, tool: look, fallback: { tool: send } }",
        "  - { id: c, tool: look, fallback: { tool: nobody, cache: true } }",
        "  - { id: d, tool: look, fallback: { tool: peek, with: { paht: x } } }",
        "  - { id: e, event: x, fallback: true }",
        '  - { id: f, tool: look, fallback: { tool: once, with: { x: "${{ steps.g }}" } } }',
        "  - { id: h, tool: look, fallback: { tool: loose } }",
        "  - { id: i, tool: look, fallback: false }",
      ).map((one) => one.replace(/^(\d+):\d+/, "$1")),
    ).toEqual([
      "4 document_invalid: steps[0].fallback is no way: send has no alternatives that can be called, and the step no cache",
      '5 document_invalid: expected steps[1].fallback.tool to be another tool with a capability of look (look), got: "send"',
      '6 tool_not_found: expected steps[2].fallback.tool to be a tool of the catalogue, got: "nobody"',
      "6 document_invalid: steps[2].fallback.cache needs a cache of the step",
      '7 input_invalid: steps[3].fallback.with.paht: unknown field "paht"',
      "8 document_invalid: steps[4].fallback means nothing for a step with event",
      '9 unknown_step: expected steps[5].fallback.with.x to name steps of this workflow, got: "g"',
      "10 tool_not_bound: tool loose has no binding: say in a catalogue how it is reached",
      "11 document_invalid: expected steps[7].fallback to be true, or an object with tool, with and cache, got: false",
    ]);
  });
});
