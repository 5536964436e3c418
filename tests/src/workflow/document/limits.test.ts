import { describe, expect, test } from "vitest";

import {
  catalogueParts,
  toolSpec,
  ToolRegistry,
  ValidationError,
} from "../../../../config/index.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";

const BOUND = "category: foundation, capabilities: [x], binding: { type: in_process }";
const { tools, budgets } = catalogueParts(
  `tutti: 1
budgets:
  gpu: { slots: 2 }
  openai: { slots: 5, rates: [{ max: 50, durationMs: 1000 }, { max: 100, durationMs: 60000 }] }
tools:
  - { id: plain, name: P, ${BOUND} }
  - { id: ask, name: A, ${BOUND}, resources: { cpu: 0.25, memory: 0.5 }, budgets: { gpu: 1, openai: { slots: 2, cost: 10 } } }`,
  "t.yaml",
);
const registry = new ToolRegistry(tools, budgets);
/** Registered by a program, so nobody compared it with its budgets. */
registry.register({
  spec: toolSpec.parse({
    id: "dear",
    name: "D",
    category: "foundation",
    capabilities: ["x"],
    binding: { type: "in_process" },
    limits: { rate: { max: 3, durationMs: 1_000 }, cost: 4 },
    budgets: { gpu: { slots: 3 } },
  }),
  allow: { commands: [], hosts: [], privateHosts: [] },
});

const planOf = (...steps: readonly string[]) =>
  prepare(["tutti: 1", "id: wf", "steps:", ...steps].join("\n"), registry, { file: "f" });

function told(...steps: readonly string[]): string[] {
  try {
    planOf(...steps);
    return [];
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(({ position, code, message, suggestion }) => {
      const meant = suggestion === undefined ? "" : ` (did you mean ${suggestion}?)`;
      return `${position?.line}:${position?.column} ${code}: ${message}${meant}`;
    });
  }
}

describe("what a step says of its call", () => {
  test("is in its definition, compiled; a step that says nothing has nothing there", () => {
    const { definition } = planOf(
      "  - { id: a, tool: ask }",
      "  - { id: b, tool: ask, resources: { cpu: 0.5 }, budgets: { openai: { cost: 20 } } }",
      "  - { id: c, tool: ask, budgets: { gpu: 2 } }",
    );
    expect(definition.steps["a"]).not.toHaveProperty("limits");
    expect(definition.steps["b"]?.limits).toEqual({
      needs: { cpu: 500_000 },
      budgets: [["openai", 2, 20]],
    });
    expect(definition.steps["c"]?.limits).toEqual({ budgets: [["gpu", 2, 2]] });
  });

  test("makes another version of the workflow; the tool's own words do not", () => {
    const hashOf = (more: string) => planOf(`  - { id: a, tool: ask${more} }`).workflow.hash;
    expect(hashOf(", budgets: { gpu: 2 }")).not.toBe(hashOf(""));
    expect(hashOf(", resources: { cpu: 0.3 }")).not.toBe(hashOf(""));
    expect(hashOf(", resources: {}, budgets: {}")).toBe(hashOf(""));
  });

  test("stands in the plan in the place of what the tool says, name by name", () => {
    const [step] = planOf(
      "  - { id: a, tool: ask, resources: { cpu: 0.5 }, budgets: { openai: { cost: 20 } } }",
    ).steps;
    expect(step?.resources).toEqual({ cpu: 0.5, memory: 0.5 });
    expect(step?.budgets).toEqual({ gpu: { slots: 1, cost: 1 }, openai: { slots: 2, cost: 20 } });
  });

  test("a tool with budgets is no tool without limits for mode auto", () => {
    const text = (tool: string) =>
      ["tutti: 1", "id: wf", "mode: auto", "steps:"]
        .concat(Array.from({ length: 40 }, (_, n) => `  - { id: s${n}, tool: ${tool} }`))
        .join("\n");
    const withBudget = new ToolRegistry(
      catalogueParts(
        `{ tutti: 1, tools: [{ id: t, name: T, ${BOUND}, budgets: { gpu: 1 } }] }`,
        "t.yaml",
      ).tools,
      budgets,
    );
    expect(prepare(text("plain"), registry).mode.mode).toBe("adaptive");
    expect(prepare(text("t"), withBudget).mode.mode).toBe("parallel");
  });
});

describe("what can never be had is refused at submission", () => {
  test("with its place and numbers, all of it at once", () => {
    expect(
      told(
        "  - { id: a, tool: ask, resources: { cpu: 1.5 }, budgets: { gpu: 3 } }",
        "  - { id: b, tool: ask, budgets: { openai: { slots: 6, cost: 101 } } }",
        "  - { id: c, tool: core.nothing }",
      ),
    ).toEqual([
      "4:43 step_exceeds_capacity: expected steps[0].resources.cpu to be at most 1, the whole of a machine, got: 1.5",
      "4:66 step_exceeds_capacity: expected steps[0].budgets.gpu to be at most 2, as the budget gpu has 2 slots, got: 3",
      "5:53 step_exceeds_capacity: expected steps[1].budgets.openai.slots to be at most 5, as the budget openai has 5 slots, got: 6",
      "5:62 step_exceeds_capacity: expected steps[1].budgets.openai.cost to be at most 50, as the budget openai has 50 units in 1000 ms, got: 101",
      "5:62 step_exceeds_capacity: expected steps[1].budgets.openai.cost to be at most 100, as the budget openai has 100 units in 60000 ms, got: 101",
      '6:20 tool_not_found: expected steps[2].tool to be a tool of the catalogue, got: "core.nothing"',
    ]);
  });

  test("also what a tool says that a program registered, where it is called or undoes", () => {
    expect(
      told("  - { id: a, tool: dear }", "  - { id: b, tool: ask, compensate: { tool: dear } }"),
    ).toEqual([
      "4:20 step_exceeds_capacity: expected cost of dear (steps[0].tool) to be at most 3, as its rate has 3 units in 1000 ms, got: 4",
      "4:20 step_exceeds_capacity: expected slots of dear (steps[0].tool) to be at most 2, as the budget gpu has 2 slots, got: 3",
      "5:45 step_exceeds_capacity: expected cost of dear (steps[1].compensate.tool) to be at most 3, as its rate has 3 units in 1000 ms, got: 4",
      "5:45 step_exceeds_capacity: expected slots of dear (steps[1].compensate.tool) to be at most 2, as the budget gpu has 2 slots, got: 3",
    ]);
  });

  test("a step may take less than its tool says, and then it fits", () => {
    const [problem, ...more] = told("  - { id: a, tool: dear, budgets: { gpu: { slots: 2 } } }");
    expect(problem).toContain("its rate");
    expect(more).toEqual([]);
  });
});

test.each([
  [
    "a budget that the tool does not use",
    "tool: ask, budgets: { opanai: 1 }",
    '4:36 document_invalid: expected steps[0].budgets.opanai to be a budget that ask uses (gpu, openai), got: "opanai" (did you mean openai?)',
  ],
  [
    "a budget of a tool that uses none",
    "tool: plain, budgets: { gpu: 1 }",
    '4:38 document_invalid: expected steps[0].budgets.gpu to be a budget that plain uses (none), got: "gpu"',
  ],
  [
    "budgets of a step without a tool",
    "approval: Go?, budgets: { gpu: 1 }",
    "4:29 document_invalid: steps[0].budgets means nothing for a step with approval",
  ],
  [
    "an amount below nothing",
    "tool: ask, budgets: { gpu: -1 }",
    "4:41 document_invalid: expected steps[0].budgets.gpu to be at least 1, got: -1",
  ],
  [
    "an amount that is none",
    "tool: ask, budgets: { gpu: all }",
    '4:41 document_invalid: expected steps[0].budgets.gpu to be a number above 0, or an object with slots and cost, got: "all"',
  ],
])("%s is told with its place", (_name, step, expected) => {
  expect(told(`  - { id: a, ${step} }`)).toEqual([expected]);
});
