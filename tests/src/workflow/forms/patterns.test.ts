import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";

import { normalize } from "../../../../src/workflow/forms/normalize.ts";
import { dependenciesOf, planOf, told } from "./told.ts";

const call = { service: "core", tool: "echo" };

describe("a sequential pattern", () => {
  it("runs each step after the one before; service and tool are the tool's id", () => {
    const steps = [
      { id: "count", service: "text", tool: "tally", parameters: { items: ["x"] } },
      { tool: "core.echo", name: "Say it", parameters: { n: "{{count.total}}" }, retry_count: 1 },
      { ...call, timeout: 2, optional: true },
      call,
    ];
    expect(normalize({ id: "w", name: "W", steps, output: "{{Say_it.n}}" }).document).toEqual({
      tutti: 1,
      id: "w",
      name: "W",
      steps: [
        { id: "count", tool: "text.tally", with: { items: ["x"] } },
        {
          id: "Say_it",
          name: "Say it",
          tool: "core.echo",
          with: { n: "${{ steps.count.output.total }}" },
          needs: ["count"],
          retry: { maxAttempts: 2 },
        },
        { id: "core_echo", tool: "core.echo", needs: ["Say_it"], timeoutMs: 2_000, optional: true },
        { id: "core_echo_2", tool: "core.echo", needs: ["core_echo"] },
      ],
      output: "${{ steps.Say_it.output.n }}",
    });
  });

  it("may be nothing but calls", () => {
    expect(
      dependenciesOf({ id: "w", steps: [{ tool: "core.echo" }, { tool: "core.echo" }] }),
    ).toEqual({ core_echo: [], core_echo_2: ["core_echo"] });
  });

  it("gives no id that a step has already", () => {
    const steps = [call, { ...call, id: "core_echo" }, { ...call, id: "core_echo_2" }, call];
    expect(Object.keys(dependenciesOf({ id: "w", steps }))).toEqual([
      "core_echo_3",
      "core_echo",
      "core_echo_2",
      "core_echo_4",
    ]);
  });

  it("of 20,000 steps of one name takes no time", () => {
    // Processor time: what else the machine does is no matter.
    const since = process.cpuUsage();
    const steps = Array.from({ length: 20_000 }, () => call);
    const { document } = normalize({ id: "w", steps });
    expect(process.cpuUsage(since).user).toBeLessThan(5_000_000);
    expect(document).toMatchObject({ steps: { 19_999: { id: "core_echo_20000" } } });
  });
});

describe("branches", () => {
  it("run side by side, the steps of each one after another", () => {
    const branches = [
      { id: "left", steps: [call, call] },
      {
        name: "right hand",
        steps: [
          { ...call, id: "r" },
          { ...call, name: "end" },
        ],
      },
      { steps: [call] },
    ];
    expect(dependenciesOf({ id: "w", branches })).toEqual({
      left_core_echo: [],
      left_core_echo_2: ["left_core_echo"],
      r: [],
      right_hand_end: ["r"],
      branch_3_core_echo: [],
    });
  });

  it("that are optional end with their first failure, and nobody minds", () => {
    const steps = [
      { ...call, id: "a" },
      { ...call, id: "b" },
    ];
    const { document } = normalize({ id: "w", branches: [{ id: "o", optional: true, steps }] });
    expect(document).toMatchObject({
      steps: [
        { id: "a", optional: true },
        { id: "b", optional: true, when: '${{ steps.a.state == "completed" }}' },
      ],
    });
  });

  it("of any number and length depend on the step before, in the same branch", () => {
    const branch = record({ length: integer({ min: 1, max: 6 }), optional: boolean() });
    assert(
      property(array(branch, { minLength: 1, maxLength: 6 }), (drawn) => {
        const branches = drawn.map(({ length, optional }, b) => ({
          id: `b${b}`,
          optional,
          steps: Array.from({ length }, (_, s) => ({ ...call, id: `b${b}s${s}` })),
        }));
        const expected = drawn.flatMap(({ length }, b) =>
          Array.from({ length }, (_, s) => [`b${b}s${s}`, s === 0 ? [] : [`b${b}s${s - 1}`]]),
        );
        expect(dependenciesOf({ id: "w", branches })).toEqual(Object.fromEntries(expected));
      }),
    );
  });
});

describe("a native document", () => {
  it("stays the very same object, and so does a rewritten one", () => {
    const steps = array(record({ id: constantFrom("a", "b"), tool: constantFrom("core.echo") }));
    const native = record({
      tutti: constantFrom(1, 2, "x", null),
      id: constantFrom("w", 1),
      steps,
    });
    assert(
      property(native, (document) => {
        const normalized = normalize(document);
        expect(normalized.document).toBe(document);
        expect(normalized).toMatchObject({ form: "native", issues: [] });
      }),
    );
    const once = normalize({ id: "w", branches: [{ steps: [call] }] }).document;
    expect(normalize(once).document).toBe(once);
  });

  it.each([[null], ["x"], [[]], [{}], [{ id: "w", steps: [{ id: "a", tool: "core.echo" }] }]])(
    "%j is left to the native checks",
    (document) => {
      expect(normalize(document).document).toBe(document);
    },
  );
});

describe("a document that mixes forms is refused", () => {
  it.each([
    [
      "tutti: 1\nphases: []",
      '2:1 document_invalid: the document mixes forms: "tutti" belongs to the native form, "phases" to the phases form',
    ],
    [
      "workflow_id: w\nbranches: []",
      '2:1 document_invalid: the document mixes forms: "workflow_id" belongs to the snake_case form, "branches" to the branches form',
    ],
    [
      "branches: []\nphases: []",
      '2:1 document_invalid: the document mixes forms: "branches" belongs to the branches form, "phases" to the phases form',
    ],
    [
      "id: w\nphases: []\nsteps: [{ service: a, tool: b }]",
      '3:1 document_invalid: the document mixes forms: "phases" belongs to the phases form, "steps" to the sequential form',
    ],
    [
      "tutti: 1\nid: w\nsteps: []\nexecution_mode: parallel",
      '4:1 document_invalid: the document mixes forms: "tutti" belongs to the native form, "execution_mode" to the snake_case form',
    ],
  ])("%s", (text, expected) => {
    expect(told(text)).toEqual([expected]);
  });
});

describe("a mistake in a pattern is told in its own place", () => {
  it.each([
    [
      "steps: [{ service: core, tool: echo }]",
      "1:1 document_invalid: expected id to be given (a string)",
    ],
    [
      "id: w\nsteps: [{ service: core, tol: echo }]",
      "2:9 document_invalid: expected steps[0].tool to be given (a string)",
      '2:26 document_invalid: unknown key "tol" in steps[0] (did you mean tool?)',
    ],
    [
      "id: w\nsteps: [{ service: text, tool: taly }]",
      '2:32 tool_not_found: expected steps[0].tool to be a tool of the catalogue, got: "text.taly" (did you mean text.tally?)',
    ],
    [
      "id: w\nsteps: [{ service: 1, tool: core.echo }]",
      "2:20 document_invalid: expected steps[0].service to be the name of a service, got: 1",
    ],
    [
      "id: w\nsteps: [{ service: core, tool: echo, params: {} }]",
      '2:38 document_invalid: unknown key "params" in steps[0] (did you mean parameters?)',
    ],
    [
      "id: w\nsteps: [{ service: core, tool: echo }, look]",
      '2:40 document_invalid: a task needs a tool, and "look" is only a name: write { name, tool, parameters }',
    ],
    [
      "id: w\nbranches: []",
      "2:11 document_invalid: expected branches to be a list with at least one item, got: []",
    ],
    [
      "id: w\nbranches: [{ id: a }]",
      "2:12 document_invalid: expected branches[0].steps to be given (a list with at least one item)",
    ],
    [
      "id: w\nbranches: [{ id: 1, steps: [{ tool: core.echo }] }]",
      "2:18 document_invalid: expected branches[0].id to be a name, got: 1",
    ],
    [
      "id: w\nbranches: [{ optional: maybe, steps: [{ tool: core.echo }] }]",
      '2:24 document_invalid: expected branches[0].optional to be true or false, got: "maybe"',
    ],
    [
      "id: w\nbranches: [{ step: [], steps: [{ tool: core.echo }] }]",
      '2:14 document_invalid: unknown key "step" in branches[0] (did you mean steps?)',
    ],
    [
      "id: w\nbranches: [{ steps: [{ id: a, tool: core.echo }] }, { steps: [{ id: a, tool: core.echo }] }]",
      '2:69 duplicate_step: expected branches[1].steps[0].id to be unique, got: "a", which is branches[0].steps[0] too',
    ],
    [
      "id: w\nbranches: [{ steps: [{ id: a b, tool: core.echo }, { tool: core.echo }] }]",
      '2:28 document_invalid: expected branches[0].steps[0].id to be 1 to 64 characters of A-Z a-z 0-9 _ -, got: "a b"',
    ],
  ])("%s", (text, ...expected) => {
    expect(told(text)).toEqual(expected);
  });
});

it("a document without positions is told by its paths", () => {
  expect(() => planOf({ id: "w", branches: [{ steps: [{ tool: "core.ehco" }] }] })).toThrow(
    expect.objectContaining({
      issues: [expect.objectContaining({ path: ["branches", 0, "steps", 0, "tool"] })],
    }),
  );
});
