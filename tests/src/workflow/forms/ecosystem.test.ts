import { array, assert, boolean, integer, property, subarray, tuple } from "fast-check";
import { describe, expect, it } from "vitest";

import { TARGETS } from "../../../../config/index.ts";
import { normalize } from "../../../../src/workflow/forms/normalize.ts";
import { dependenciesOf, planOf, told } from "./told.ts";

const WHOLE = {
  workflow_id: "w",
  name: "A name",
  description: "What it does",
  execution_mode: "sequential",
  optimization_target: "balanced",
  expected_duration: 90,
  resource_requirements: { cpu: 0.5, memory: 0.25 },
  success_criteria: ["counted", "{{count.total}} >= 2"],
  rollback_strategy: null,
  inputs: { type: "object", properties: { items: { type: "array" } } },
  output: "{{steps.count.result.total}}",
  steps: [
    {
      step_id: "count",
      tool_id: "text.tally",
      parameters: { items: "{{input.items}}" },
      postconditions: ["counted"],
      timeout: 1.5,
      retry_count: 0,
      parallel_group: "first",
    },
    {
      step_id: "say",
      name: "Say it",
      tool_id: "core.echo",
      parameters: { list: ["first: {{ steps.count.result.counts[0].value }}"] },
      preconditions: ["counted"],
    },
  ],
};

describe("a snake_case workflow", () => {
  it.each(TARGETS)("may aim at %s, as a native one may", (target) => {
    const steps = [{ step_id: "a", tool_id: "core.echo" }];
    const form = { workflow_id: "w", optimization_target: target, steps };
    const native = { tutti: 1, id: "w", target, steps: [{ id: "a", tool: "core.echo" }] };
    expect(planOf(form).target).toBe(target);
    expect(planOf(native).target).toBe(target);
    expect(planOf(native).definition.target).toBe(target === "balanced" ? undefined : target);
  });

  it("is rewritten word by word", () => {
    const { form, document, issues } = normalize(WHOLE);
    expect({ form, issues }).toEqual({ form: "snake_case", issues: [] });
    expect(document).toEqual({
      tutti: 1,
      id: "w",
      name: "A name",
      description: "What it does\nExpected to take 90 s.\nExpected to need: cpu 0.5, memory 0.25.",
      inputs: WHOLE.inputs,
      mode: "sequential",
      target: "balanced",
      steps: [
        {
          id: "count",
          tool: "text.tally",
          with: { items: "${{ input.items }}" },
          postconditions: ["counted"],
          retry: { maxAttempts: 1 },
          timeoutMs: 1_500,
          group: "first",
        },
        {
          id: "say",
          name: "Say it",
          tool: "core.echo",
          with: { list: ["first: ${{ steps.count.output.counts[0].value }}"] },
          preconditions: ["counted"],
        },
      ],
      groups: { first: {} },
      output: "${{ steps.count.output.total }}",
      success: ['steps.count.state == "completed"', "steps.count.output.total >= 2"],
    });
    expect(planOf(WHOLE).definition.sequence).toEqual(["count", "say"]);
  });

  it("takes times and attempts from the tool when it says none: three retries are four attempts", () => {
    const steps = [{ step_id: "a", tool_id: "core.echo" }];
    const { retry, timeoutMs } = planOf({ workflow_id: "w", steps }).definition.steps["a"]!;
    expect({ attempts: retry.maxAttempts, timeoutMs }).toEqual({ attempts: 4, timeoutMs: 300_000 });
  });

  it("of one tool keeps its steps apart: dependencies go by step, never to the step itself", () => {
    const step = (step_id: string, more: object) => ({ step_id, tool_id: "core.echo", ...more });
    const steps = [
      step("a", { postconditions: ["x"] }),
      step("b", { preconditions: ["x"], postconditions: ["x", "y"] }),
      step("c", { preconditions: ["y"] }),
    ];
    expect(dependenciesOf({ workflow_id: "w", steps })).toEqual({ a: [], b: ["a"], c: ["b"] });
  });

  it("lets dependencies win over groups", () => {
    const step = (step_id: string, more: object) => ({
      step_id,
      tool_id: "core.echo",
      parallel_group: "together",
      ...more,
    });
    const steps = [step("a", { postconditions: ["x"] }), step("b", { preconditions: ["x"] })];
    expect(dependenciesOf({ workflow_id: "w", steps })).toEqual({ a: [], b: ["a"] });
  });

  it("of any shape depends as its conditions say", () => {
    const conditions = ["p", "q", "r", "s", "t"];
    const step = tuple(subarray(conditions), boolean());
    assert(
      property(array(step, { minLength: 1, maxLength: 12 }), integer(), (drawn, seed) => {
        // Whoever comes later may require what earlier ones establish; who comes first is drawn too.
        const established: string[] = [];
        const steps = drawn.map(([own, requires], index) => {
          const preconditions = requires
            ? established.filter(
                (_, at) => (at + seed) % 2 === 0 && !own.includes(established[at]!),
              )
            : [];
          const postconditions = own.filter((one) => !established.includes(one));
          established.push(...postconditions);
          return { step_id: `s${index}`, tool_id: "core.echo", preconditions, postconditions };
        });
        const expected = Object.fromEntries(
          steps.map(({ step_id, preconditions }) => [
            step_id,
            steps
              .filter((other) => other.postconditions.some((one) => preconditions.includes(one)))
              .map((other) => other.step_id)
              .toSorted(),
          ]),
        );
        const shuffled = steps.toSorted((a, b) => (a.step_id < b.step_id ? 1 : -1));
        expect(dependenciesOf({ workflow_id: "w", steps: shuffled })).toEqual(expected);
      }),
    );
  });
});

describe("a mistake in a snake_case workflow is told in its own words and place", () => {
  const steps = (...lines: string[]) => ["workflow_id: w", "steps:", ...lines].join("\n");
  const step = (more: string) => steps(`  - { step_id: a, tool_id: core.echo, ${more} }`);
  it.each([
    [
      "no id",
      "steps: [{ step_id: a, tool_id: core.echo }]",
      "1:1 document_invalid: expected workflow_id to be given (a string)",
    ],
    [
      "an empty id",
      'workflow_id: ""\nsteps: [{ step_id: a, tool_id: core.echo }]',
      '1:14 document_invalid: expected workflow_id to be 1 to 64 characters of A-Z a-z 0-9 _ -, got: ""',
    ],
    [
      "no steps",
      "workflow_id: w",
      "1:1 document_invalid: expected steps to be given (a list with at least one item)",
    ],
    [
      "an empty list of steps",
      "workflow_id: w\nsteps: []",
      "2:8 document_invalid: expected steps to be a list with at least one item, got: []",
    ],
    [
      "a step that is no object",
      steps("  - a", "  - { step_id: b, tool_id: core.echo }"),
      '3:5 document_invalid: expected steps[0] to be an object, got: "a"',
    ],
    [
      "no step id",
      steps("  - { tool_id: core.echo }"),
      "3:5 document_invalid: expected steps[0].step_id to be given (a string)",
    ],
    [
      "an empty step id",
      steps('  - { step_id: "", tool_id: core.echo }'),
      '3:16 document_invalid: expected steps[0].step_id to be 1 to 64 characters of A-Z a-z 0-9 _ -, got: ""',
    ],
    [
      "no tool",
      steps("  - { step_id: a }"),
      "3:5 document_invalid: expected steps[0].tool_id to be given (a string)",
    ],
    [
      "an empty tool id",
      steps('  - { step_id: a, tool_id: "" }'),
      '3:28 document_invalid: expected steps[0].tool_id to be at least 1 characters long, got: ""',
    ],
    [
      "an unknown tool",
      steps("  - { step_id: a, tool_id: core.ehco }"),
      '3:28 tool_not_found: expected steps[0].tool_id to be a tool of the catalogue, got: "core.ehco" (did you mean core.echo?)',
    ],
    [
      "a wrong parameter",
      steps("  - { step_id: a, tool_id: core.sleep, parameters: { ms: -1 } }"),
      "3:58 input_invalid: steps[0].parameters.ms: ms must be >= 0",
    ],
    [
      "a timeout of 0",
      step("timeout: 0"),
      "3:48 document_invalid: expected steps[0].timeout to be a number of seconds above 0 and at most 2147483, got: 0",
    ],
    [
      "a timeout that is a word",
      step("timeout: soon"),
      '3:48 document_invalid: expected steps[0].timeout to be a number of seconds above 0 and at most 2147483, got: "soon"',
    ],
    [
      "a negative retry_count",
      step("retry_count: -1"),
      "3:52 document_invalid: expected steps[0].retry_count to be a whole number from 0 to 99, got: -1",
    ],
    [
      "half a retry",
      step("retry_count: 1.5"),
      "3:52 document_invalid: expected steps[0].retry_count to be a whole number from 0 to 99, got: 1.5",
    ],
    [
      "a group without a name",
      step('parallel_group: ""'),
      '3:55 document_invalid: expected steps[0].parallel_group to be the name of a group, got: ""',
    ],
    [
      "two steps of one id",
      steps("  - { step_id: a, tool_id: core.echo }", "  - { step_id: a, tool_id: core.echo }"),
      '4:16 duplicate_step: expected steps[1].step_id to be unique, got: "a", which is steps[0] too',
    ],
    [
      "an expected duration of 0",
      `expected_duration: 0\n${step("timeout: 1")}`,
      "1:20 document_invalid: expected expected_duration to be a number of seconds above 0, got: 0",
    ],
    [
      "a negative share",
      `resource_requirements: { cpu: -1 }\n${step("timeout: 1")}`,
      "1:31 document_invalid: expected resource_requirements.cpu to be 0 or more, got: -1",
    ],
    [
      "shares that are none",
      `resource_requirements: 4\n${step("timeout: 1")}`,
      "1:24 document_invalid: expected resource_requirements to be an object of amounts, got: 4",
    ],
    [
      "an unknown word",
      `${step("timeout: 1")}\nsucess_criteria: []`,
      '4:1 document_invalid: unknown key "sucess_criteria" in the document (did you mean success_criteria?)',
    ],
    [
      "a native word",
      step("with: {}"),
      '3:39 document_invalid: unknown key "with" in steps[0] (did you mean parameters?)',
    ],
    [
      "an unknown target",
      `${step("timeout: 1")}\noptimization_target: sped`,
      "4:22 document_invalid: expected optimization_target to be one of ",
    ],
    [
      "a strategy without a name",
      `${step("timeout: 1")}\nrollback_strategy: ""`,
      '4:20 document_invalid: expected rollback_strategy to be the name of a strategy, got: ""',
    ],
    [
      "a condition nobody establishes",
      step("preconditions: [ready]"),
      '3:55 precondition_failed: nothing establishes "ready": no other step has it as a postcondition, and it is no input',
    ],
    [
      "a cycle of conditions",
      steps(
        "  - { step_id: a, tool_id: core.echo, preconditions: [y], postconditions: [x] }",
        "  - { step_id: b, tool_id: core.echo, preconditions: [x], postconditions: [y] }",
      ),
      "4:5 workflow_cycle: steps wait for each other: b -> a -> b",
    ],
    [
      "a placeholder that names nothing",
      steps('  - { step_id: aa, tool_id: core.echo, parameters: { x: "{{ab.x}}" } }'),
      "3:57 expression_invalid: steps[0].parameters.x: expected {{ab.x}} to be {{step.field}}, {{steps.step.result.field}} or {{input.field}}, with a step of this document (did you mean aa?)",
    ],
    [
      "a criterion in prose",
      `${step("timeout: 1")}\nsuccess_criteria: [all is well]`,
      "4:20 expression_invalid: success_criteria[0]: ${{ all is well }}: Unexpected character",
    ],
  ])("%s", (_name, text, expected) => {
    const lines = told(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]?.startsWith(expected), lines[0]).toBe(true);
  });

  it("all at once, in the order of the text", () => {
    const lines = told(
      [
        "workflow_id: w",
        "expected_duration: -1",
        "steps:",
        "  - { step_id: a, tool_id: core.nothing, timeout: 0 }",
        "  - { step_id: a, tool_id: core.echo, needs: [] }",
      ].join("\n"),
    );
    expect(lines.map((line) => line.split(": ")[0])).toEqual([
      "2:20 document_invalid",
      "4:28 tool_not_found",
      "4:51 document_invalid",
      "5:16 duplicate_step",
      "5:39 document_invalid",
    ]);
  });

  it.each([
    ["execution_mode", "adaptive", "adaptive"],
    ["execution_mode", "pipeline", "pipeline"],
    ["optimization_target", "performance", "performance"],
    ["optimization_target", "cost", "cost"],
    ["rollback_strategy", "put everything back", "recovery"],
  ])("%s: %s is passed on in native words", (word, given, native) => {
    const { document } = normalize({
      workflow_id: "w",
      [word]: given,
      steps: [{ step_id: "a", tool_id: "core.echo" }],
    });
    expect(Object.values(document as object)).toContain(native);
  });
});
