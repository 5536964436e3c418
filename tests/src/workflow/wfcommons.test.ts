import { assert, property, string, uniqueArray } from "fast-check";
import { expect, test } from "vitest";

import { ValidationError } from "../../../config/index.ts";
import { fromWfCommons } from "../../../src/workflow/wfcommons.ts";

interface Task {
  readonly id: string;
  readonly parents?: readonly string[];
  readonly children?: readonly string[];
}

const record = (tasks: readonly Task[], runtimeInSeconds = 1) => ({
  name: "a study: 1",
  schemaVersion: "1.5",
  workflow: {
    specification: { tasks, files: [] },
    execution: { tasks: tasks.map(({ id }) => ({ id, runtimeInSeconds, avgCPU: 12 })) },
  },
});

const issuesOf = (document: unknown): string[] => {
  try {
    fromWfCommons(document);
  } catch (thrown) {
    if (!(thrown instanceof ValidationError)) throw thrown;
    return thrown.issues.map((one) => `${one.code} ${one.path.join(".")} ${one.message}`);
  }
  return [];
};

test("tasks become sleeping steps with the recorded runtimes and dependencies", () => {
  const document = record(
    [
      { id: "split.1", parents: [], children: ["merge#2"] },
      { id: "merge#2", parents: ["split.1"], children: [] },
    ],
    1.2345,
  );
  expect(fromWfCommons(document, { scale: 0.1 })).toEqual({
    tutti: 1,
    id: "a_study__1",
    name: "a study: 1",
    timeoutMs: 600_000,
    steps: [
      { id: "split_1", name: "split.1", tool: "core.sleep", with: { ms: 123 } },
      {
        id: "merge_2",
        name: "merge#2",
        tool: "core.sleep",
        needs: ["split_1"],
        with: { ms: 123 },
      },
    ],
  });
});

test("a dependency that stands in one of the two lists only counts", () => {
  const byChild = fromWfCommons(record([{ id: "a", children: ["b"] }, { id: "b" }]));
  const byParent = fromWfCommons(record([{ id: "a" }, { id: "b", parents: ["a"] }]));
  expect(byChild.steps).toEqual(byParent.steps);
  expect(byChild.steps[1]?.needs).toEqual(["a"]);
});

test("ids stay unique after cleaning and cutting", () => {
  const long = "x".repeat(80);
  const ids = ["a.b", "a_b", "a:b", "a_b_2", long, `${long}y`];
  const steps = fromWfCommons(record(ids.map((id) => ({ id })))).steps;
  expect(steps.map((one) => one.id)).toEqual([
    "a_b",
    "a_b_2",
    "a_b_3",
    "a_b_2_2",
    "x".repeat(64),
    `${"x".repeat(62)}_2`,
  ]);
  expect(steps.map((one) => one.name)).toEqual(ids);
});

test("ids that every object knows are changed, because documents refuse them", () => {
  const { steps } = fromWfCommons(record([{ id: "constructor" }, { id: "x".repeat(600) }]));
  expect(steps.map((one) => one.id)).toEqual(["constructor_2", "x".repeat(64)]);
  expect(steps[1]?.name).toBe("x".repeat(500));
});

test("any set of task ids gives as many step ids that are safe everywhere", () => {
  assert(
    property(
      uniqueArray(string({ minLength: 1, maxLength: 90, unit: "binary" }), { minLength: 1 }),
      (ids) => {
        const steps = fromWfCommons(record(ids.map((id) => ({ id })))).steps;
        expect(new Set(steps.map((one) => one.id)).size).toBe(ids.length);
        for (const one of steps) expect(one.id).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      },
    ),
  );
});

test("timeouts leave room for steps that sleep long and for running them one after another", () => {
  const hour = fromWfCommons(record([{ id: "a" }, { id: "b" }], 3_600));
  expect(hour.timeoutMs).toBe(2 * 2 * 3_600_000 + 60_000);
  expect(hour.steps[0]?.timeoutMs).toBe(3_660_000);
  expect(fromWfCommons(record([{ id: "a" }], 1e9)).timeoutMs).toBe(2_147_483_647);
});

test("every problem is reported at once, with its place", () => {
  const document = record([
    { id: "a", parents: ["ghost"] },
    { id: "a" },
    { id: "b", children: ["nobody"], parents: ["c"] },
    { id: "c", parents: ["b"] },
  ]);
  document.workflow.execution.tasks = document.workflow.execution.tasks.filter(
    (task) => task.id !== "c",
  );
  expect(issuesOf(document)).toEqual([
    "document_invalid workflow.specification.tasks.1.id a is given twice",
    "document_invalid workflow.specification.tasks.0.parents.0 expected parents of a to be tasks, got: ghost",
    "document_invalid workflow.specification.tasks.2.children.0 expected children of b to be tasks, got: nobody",
    "document_invalid workflow.specification.tasks.3 expected a runtime of c in execution.tasks, got: none",
    "document_invalid workflow.specification.tasks cycle: b -> c -> b",
  ]);
});

test.each([null, [], "text", {}, { name: "x", workflow: { specification: { tasks: [] } } }])(
  "%j is refused by shape",
  (document) => {
    expect(issuesOf(document)[0]).toMatch(/^document_invalid /);
  },
);

test("a task that waits for itself is a cycle", () => {
  expect(issuesOf(record([{ id: "a", parents: ["a"] }]))).toEqual([
    "document_invalid workflow.specification.tasks cycle: a -> a",
  ]);
});
