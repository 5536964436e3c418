import { describe, expect, it } from "vitest";

import { loadCatalogue, ValidationError } from "../../../../config/index.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";

const registry = loadCatalogue();

/** What somebody reads who made this mistake: `line:column code: message (did you mean ...?)`. */
function told(text: string): string[] {
  try {
    prepare(text, registry, { file: "f.yaml" });
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map(({ position, code, message, suggestion }) => {
      const meant = suggestion === undefined ? "" : ` (did you mean ${suggestion}?)`;
      return `${position?.file}:${position?.line}:${position?.column} ${code}: ${message}${meant}`;
    });
  }
  return [];
}
const steps = (...lines: string[]) => ["tutti: 1", "id: wf", "steps:", ...lines].join("\n");

describe("a typical mistake is told with its place, what was expected, what was given", () => {
  it.each([
    [
      "mistyped field of a step",
      steps("  - { id: a, tool: core.echo, nedds: [] }"),
      'f.yaml:4:31 document_invalid: unknown key "nedds" in steps[0] (did you mean needs?)',
    ],
    [
      "mistyped field of the document",
      "tutti: 1\nid: wf\nstep: []\nsteps:\n  - { id: a, tool: core.echo }",
      'f.yaml:3:1 document_invalid: unknown key "step" in the document (did you mean steps?)',
    ],
    [
      "mistyped tool",
      steps("  - id: a", "    tool: core.ehco"),
      'f.yaml:5:11 tool_not_found: expected steps[0].tool to be a tool of the catalogue, got: "core.ehco" (did you mean core.echo?)',
    ],
    [
      "mistyped dependency",
      steps("  - { id: fetch, tool: core.echo }", "  - { id: b, tool: core.echo, needs: [fecth] }"),
      'f.yaml:5:39 unknown_step: expected steps[1].needs[0] to name steps of this workflow, got: "fecth" (did you mean fetch?)',
    ],
    [
      "mistyped reference",
      steps(
        "  - { id: fetch, tool: core.echo }",
        '  - { id: b, tool: core.echo, with: { x: "${{ steps.fetsh.output }}" } }',
      ),
      'f.yaml:5:42 unknown_step: expected steps[1].with.x to name steps of this workflow, got: "fetsh" (did you mean fetch?)',
    ],
    [
      "two steps of one id",
      steps("  - { id: a, tool: core.echo }", "  - { id: a, tool: core.echo }"),
      'f.yaml:5:11 duplicate_step: expected steps[1].id to be unique, got: "a", which is steps[0] too',
    ],
    [
      "a cycle",
      steps(
        "  - { id: a, tool: core.echo, needs: [b] }",
        "  - { id: b, tool: core.echo, needs: [a] }",
      ),
      "f.yaml:5:5 workflow_cycle: steps wait for each other: b -> a -> b",
    ],
    [
      "a step that waits for itself",
      steps('  - { id: a, tool: core.echo, when: "steps.a.output == 1" }'),
      "f.yaml:4:5 workflow_cycle: steps wait for each other: a -> a",
    ],
    [
      "a tool without a binding",
      steps("  - { id: a, tool: km_list_macros }"),
      "f.yaml:4:20 tool_not_bound: tool km_list_macros has no binding: say in a catalogue how it is reached",
    ],
    [
      "a word instead of a number",
      steps("  - { id: a, tool: core.echo, timeoutMs: soon }"),
      'f.yaml:4:42 document_invalid: expected steps[0].timeoutMs to be a number, got: "soon"',
    ],
    [
      "a number out of range",
      steps("  - { id: a, tool: core.echo, retry: { maxAttempts: 0 } }"),
      "f.yaml:4:53 document_invalid: expected steps[0].retry.maxAttempts to be at least 1, got: 0",
    ],
    [
      "an unknown mode",
      "tutti: 1\nid: wf\nmode: paralel\nsteps:\n  - { id: a, tool: core.echo }",
      'f.yaml:3:7 document_invalid: expected mode to be one of parallel, sequential, adaptive, pipeline, auto, got: "paralel" (did you mean parallel?)',
    ],
    [
      "an unknown target",
      "tutti: 1\nid: wf\ntarget: costs\nsteps:\n  - { id: a, tool: core.echo }",
      'f.yaml:3:9 document_invalid: expected target to be one of performance, efficiency, reliability, cost, user_experience, balanced, got: "costs" (did you mean cost?)',
    ],
    [
      "a missing field",
      "tutti: 1\nsteps:\n  - { id: a, tool: core.echo }",
      "f.yaml:1:1 document_invalid: expected id to be given (a string)",
    ],
    [
      "an id with a colon",
      steps('  - { id: "a:b", tool: core.echo }'),
      'f.yaml:4:11 document_invalid: expected steps[0].id to be 1 to 64 characters of A-Z a-z 0-9 _ -, got: "a:b"',
    ],
    [
      "an expression that does not parse",
      steps('  - { id: a, tool: core.echo, when: "1 +" }'),
      "f.yaml:4:37 expression_invalid: steps[0].when: ${{ 1 + }}: Unexpected token: EOF",
    ],
    [
      "an input that the tool refuses",
      steps("  - { id: a, tool: core.sleep, with: { ms: long } }"),
      "f.yaml:4:44 input_invalid: steps[0].with.ms: ms must be integer",
    ],
    [
      "more than a machine",
      steps("  - { id: a, tool: core.echo, resources: { cpu: 2 } }"),
      "f.yaml:4:49 step_exceeds_capacity: expected steps[0].resources.cpu to be at most 1, the whole of a machine, got: 2",
    ],
    [
      "a condition nobody establishes",
      steps(
        "  - { id: a, tool: core.echo, postconditions: [ready] }",
        "  - { id: b, tool: core.echo, preconditions: [raedy] }",
      ),
      'f.yaml:5:47 precondition_failed: nothing establishes "raedy": no other step has it as a postcondition, and it is no input (did you mean ready?)',
    ],
    [
      "an item name that means something else",
      steps('  - { id: a, tool: core.echo, forEach: "[1]", as: input }'),
      'f.yaml:4:51 document_invalid: expected steps[0].as to be a plain word that means nothing else, got: "input"',
    ],
    [
      "maxParallel without forEach",
      steps("  - { id: a, tool: core.echo, maxParallel: 2 }"),
      "f.yaml:4:31 document_invalid: steps[0].maxParallel needs a forEach",
    ],
  ])("%s", (_name, text, expected) => {
    const lines = told(text);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toBe(expected);
  });

  it("all problems at once", () => {
    const lines = told(
      steps(
        "  - { id: a, tool: core.nothing, needs: [gone] }",
        '  - { id: a, tool: core.echo, when: "1 +", resources: { cpu: 3 } }',
      ),
    );
    expect(lines.map((line) => line.split(" ")[1])).toEqual([
      "tool_not_found:",
      "unknown_step:",
      "duplicate_step:",
      "expression_invalid:",
      "step_exceeds_capacity:",
    ]);
  });

  it("a long cycle names its ends", () => {
    const ring = Array.from(
      { length: 50 },
      (_, n) => `  - { id: s${n}, tool: core.echo, needs: [s${(n + 49) % 50}] }`,
    );
    expect(told(steps(...ring))[0]).toMatch(/-> \.\.\. 30 more \.\.\. ->/);
  });
});
