import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";

import { normalize } from "../../../../src/workflow/forms/normalize.ts";
import { dependenciesOf, told } from "./told.ts";

const task = (id: string) => ({ id, tool: "core.echo" });

describe("phases", () => {
  it("wait for all steps of the phases they depend on, whatever order they are written in", () => {
    const phases = [
      { name: "last", dependencies: ["first", "second"], tasks: [task("z")] },
      { name: "second", dependencies: ["first"], tasks: [task("c"), task("d")] },
      { id: "first", name: "At first", parallel: true, tasks: [task("a"), task("b")] },
    ];
    expect(dependenciesOf({ id: "w", phases })).toEqual({
      a: [],
      b: [],
      c: ["a", "b"],
      d: ["c"],
      z: ["a", "b", "d"],
    });
  });

  it.each([
    [{}, ["a"]],
    [{ parallel: false }, ["a"]],
    [{ parallel: true }, []],
    [{ mode: "sequential" }, ["a"]],
    [{ mode: "parallel" }, []],
    [{ mode: "parallel", parallel: true }, []],
  ])("with %j: what the second task waits for", (more, expected) => {
    const phases = [{ name: "p", tasks: [task("a"), task("b")], ...more }];
    expect(dependenciesOf({ id: "w", phases })["b"]).toEqual(expected);
  });

  it.each([
    [{}, []],
    [{ parallel: true }, []],
    [{ parallel: false }, ["b"]],
  ])("with %j: what the second branch waits for", (more, expected) => {
    const branches = [
      { id: "one", steps: [task("a"), task("b")] },
      { id: "two", steps: [task("c")] },
    ];
    const phases = [
      { name: "p", branches, ...more },
      { name: "q", dependencies: ["p"], tasks: [task("z")] },
    ];
    const found = dependenciesOf({ id: "w", phases });
    expect(found).toMatchObject({ a: [], b: ["a"], c: expected });
    expect(found["z"]).toEqual("parallel" in more && !more.parallel ? ["c"] : ["b", "c"]);
  });

  it("may name the tool of tasks that are only names as their mode", () => {
    const phases = [
      {
        name: "Plan it",
        mode: "core.echo",
        tasks: ["Ask around", { name: "Write", tool: "core.echo" }],
      },
      { name: "Do it", mode: "core.echo", branches: [{ id: "b", steps: ["Begin"] }] },
    ];
    expect(
      normalize({ name: "A plan", phases, output: "{{Plan_it_Ask_around.task}}" }).document,
    ).toEqual({
      tutti: 1,
      id: "A_plan",
      name: "A plan",
      steps: [
        {
          id: "Plan_it_Ask_around",
          name: "Ask around",
          tool: "core.echo",
          with: { task: "Ask around" },
        },
        { id: "Plan_it_Write", name: "Write", tool: "core.echo", needs: ["Plan_it_Ask_around"] },
        { id: "Do_it_b_Begin", name: "Begin", tool: "core.echo", with: { task: "Begin" } },
      ],
      output: "${{ steps.Plan_it_Ask_around.output.task }}",
    });
  });

  it("of any shape depend as they say", () => {
    const phase = record({
      tasks: integer({ min: 1, max: 4 }),
      parallel: boolean(),
      kind: constantFrom("tasks", "branches"),
      mask: integer({ min: 0, max: 255 }),
    });
    assert(
      property(array(phase, { minLength: 1, maxLength: 7 }), boolean(), (drawn, backwards) => {
        const ids = drawn.map(({ tasks }, p) =>
          Array.from({ length: tasks }, (_, t) => `p${p}t${t}`),
        );
        const on = drawn.map(({ mask }, p) =>
          drawn.flatMap((_, before) => (before < p && (mask >> before) % 2 === 1 ? [before] : [])),
        );
        const phases = drawn.map(({ parallel, kind }, p) => ({
          name: `p${p}`,
          parallel,
          dependencies: on[p]!.map((before) => `p${before}`),
          ...(kind === "tasks"
            ? { tasks: ids[p]!.map(task) }
            : { branches: ids[p]!.map((id) => ({ id, steps: [task(id)] })) }),
        }));
        const lastOf = (p: number) => (drawn[p]!.parallel ? ids[p]! : ids[p]!.slice(-1));
        const expected = ids.flatMap((own, p) =>
          own.map((id, t) => [
            id,
            t === 0 || drawn[p]!.parallel ? on[p]!.flatMap(lastOf).toSorted() : [own[t - 1]],
          ]),
        );
        const written = backwards ? phases.toReversed() : phases;
        expect(dependenciesOf({ id: "w", phases: written })).toEqual(Object.fromEntries(expected));
      }),
    );
  });
});

describe("a mistake in a phase is told in its own place", () => {
  const one = "tasks: [{ tool: core.echo }]";
  it.each([
    [`phases: [{ name: p, ${one} }]`, "1:1 document_invalid: expected id to be given (a string)"],
    [
      "id: w\nphases: {}",
      "2:9 document_invalid: expected phases to be a list with at least one item, got: {}",
    ],
    [
      "id: w\nphases: [research, test]",
      '2:10 document_invalid: expected phases[0] to be an object, got: "research"',
      '2:20 document_invalid: expected phases[1] to be an object, got: "test"',
    ],
    [
      `id: w\nphases: [{ ${one} }]`,
      "2:10 document_invalid: expected phases[0].name to be given (a name)",
    ],
    [
      `id: w\nphases: [{ name: 1, ${one} }]`,
      "2:18 document_invalid: expected phases[0].name to be a name, got: 1",
    ],
    [
      `id: w\nphases: [{ name: p, paralel: true, ${one} }]`,
      '2:21 document_invalid: unknown key "paralel" in phases[0] (did you mean parallel?)',
    ],
    [
      `id: w\nphases: [{ name: p, parallel: yes, ${one} }]`,
      '2:31 document_invalid: expected phases[0].parallel to be true or false, got: "yes"',
    ],
    [
      `id: w\nphases: [{ name: p, mode: 1, ${one} }]`,
      "2:27 document_invalid: expected phases[0].mode to be parallel, sequential or a tool, got: 1",
    ],
    [
      `id: w\nphases: [{ name: p, mode: paralel, ${one} }]`,
      '2:27 document_invalid: expected phases[0].mode to be parallel or sequential, or the tool of tasks that have none, got: "paralel" (did you mean parallel?)',
    ],
    [
      `id: w\nphases: [{ name: p, mode: sequential, parallel: true, ${one} }]`,
      "2:27 document_invalid: phases[0].mode is sequential, and parallel is true",
    ],
    [
      "id: w\nphases: [{ name: p }]",
      "2:10 document_invalid: expected phases[0].tasks to be given (a list with at least one item)",
    ],
    [
      "id: w\nphases: [{ name: p, tasks: [] }]",
      "2:28 document_invalid: expected phases[0].tasks to be a list with at least one item, got: []",
    ],
    [
      `id: w\nphases: [{ name: p, ${one}, branches: [{ steps: [{ tool: core.echo }] }] }]`,
      "2:28 document_invalid: phases[0] has tasks and branches: give one of them",
    ],
    [
      "id: w\nphases: [{ name: p, tasks: [Gather facts] }]",
      '2:29 document_invalid: a task needs a tool, and "Gather facts" is only a name: write { name, tool, parameters }, or name the tool of such tasks as the mode of the phase',
    ],
    [
      "id: w\nphases: [{ name: p, mode: architect, tasks: [Gather facts] }]",
      '2:46 tool_not_found: expected phases[0].tasks[0].tool to be a tool of the catalogue, got: "architect"',
    ],
    [
      `id: w\nphases: [{ name: research, ${one} }, { name: b, dependencies: [reserach], ${one} }]`,
      '2:86 unknown_step: expected phases[1].dependencies[0] to name a phase of this document, got: "reserach" (did you mean research?)',
    ],
    [
      `id: w\nphases: [{ name: p, dependencies: q, ${one} }]`,
      '2:35 document_invalid: expected phases[0].dependencies to be a list of phases, got: "q"',
    ],
    [
      `id: w\nphases: [{ name: p, ${one} }, { name: p, ${one} }]`,
      '2:61 document_invalid: expected phases[1].name to be unique, got: "p", which is phases[0] too',
    ],
    [
      `id: w\nphases: [{ name: p, dependencies: [q, q], ${one} }, { name: q, dependencies: [p], ${one} }]`,
      "2:100 workflow_cycle: phases wait for each other: q -> p -> q",
    ],
    [
      `id: w\nphases: [{ name: p, dependencies: [p], ${one} }]`,
      "2:35 workflow_cycle: phases wait for each other: p -> p",
    ],
  ])("%s", (text, ...expected) => {
    expect(told(text)).toEqual(expected);
  });

  it("phases that would make too many dependencies are refused before they fill the memory", () => {
    const tasks = Array.from({ length: 9_000 }, () => ({ tool: "core.echo" }));
    const phases = [
      { name: "a", parallel: true, tasks },
      { name: "b", parallel: true, dependencies: ["a"], tasks },
    ];
    expect(told(JSON.stringify({ id: "w", phases }))).toEqual([
      expect.stringContaining(
        "document_too_large: expected at most 500000 dependencies, got: more",
      ),
    ]);
  });
});
