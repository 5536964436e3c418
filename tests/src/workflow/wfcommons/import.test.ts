import { assert, property, string, uniqueArray } from "fast-check";
import { expect, test } from "vitest";

import { loadCatalogue, ValidationError } from "../../../../config/index.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";
import { fromWfCommons } from "../../../../src/workflow/wfcommons/import.ts";

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

test("ids stay unique after cleaning and cutting, and keep what tells them apart", () => {
  const long = "x".repeat(80);
  const ids = ["a.b", "a_b", "a:b", "lone.one", `${long}_ID0000001`, `${long}_ID0000002`];
  const steps = fromWfCommons(record(ids.map((id) => ({ id })))).steps;
  expect(steps.map((one) => one.id)).toEqual([
    expect.stringMatching(/^a_b_[A-Za-z0-9_-]{8}$/),
    "a_b",
    expect.stringMatching(/^a_b_[A-Za-z0-9_-]{8}$/),
    "lone_one",
    expect.stringMatching(/^x{24}-.{8}-x{20}_ID0000001$/),
    expect.stringMatching(/^x{24}-.{8}-x{20}_ID0000002$/),
  ]);
  expect(steps.map((one) => one.name)).toEqual(ids);
});

test("ids that every object knows are changed, because documents refuse them", () => {
  const { steps } = fromWfCommons(record([{ id: "constructor" }, { id: "x".repeat(600) }]));
  expect(steps.map((one) => one.id)).toEqual([
    expect.stringMatching(/^constructor_.{8}$/),
    expect.stringMatching(/^x{24}-.{8}-x{30}$/),
  ]);
  expect(steps[1]?.name).toBe("x".repeat(500));
});

test("an id stays what it is when other tasks come or go", () => {
  const ids = ["a.b", "a:b", "c d", `${"y".repeat(70)}1`];
  const of = (all: readonly string[]) =>
    new Map(
      fromWfCommons(record(all.map((id) => ({ id })))).steps.map((one) => [one.name, one.id]),
    );
  const whole = of(ids);
  expect(of(ids.toReversed())).toEqual(whole);
  for (const [name, id] of of(["first", ...ids, "c_e", `${"y".repeat(70)}2`]))
    if (whole.has(name)) expect(id).toBe(whole.get(name));
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

/** A diamond as each version writes it: `merge` names its parents, `split` its children. */
const flat = (
  schemaVersion: string,
  list: "jobs" | "tasks",
  runtime: "runtime" | "runtimeInSeconds",
  more: (name: string) => object = () => ({}),
) => ({
  name: "diamond",
  schemaVersion,
  wms: { name: "Pegasus", version: "4.9" },
  workflow: {
    [runtime === "runtime" ? "makespan" : "makespanInSeconds"]: 9,
    executedAt: "2020-01-01T00:00:00Z",
    [list]: [
      {
        name: "split",
        type: "compute",
        [runtime]: 1.5,
        children: ["left"],
        files: [],
        ...more("split"),
      },
      { name: "left", type: "compute", [runtime]: 2, parents: ["split"], ...more("left") },
      { name: "right", type: "transfer", [runtime]: 3, parents: ["split"], ...more("right") },
      { name: "merge", type: "auxiliary", parents: ["left", "right"], ...more("merge") },
    ],
    machines: [{ nodeName: "n1", memory: 5 }],
  },
});
const withIds = (name: string): object => ({ id: `ID_${name}`, category: name });

test.each([
  ["1.2, where tasks are jobs", flat("1.2", "jobs", "runtime")],
  ["1.2 with ids and categories", flat("1.2", "jobs", "runtime", withIds)],
  ["1.3", flat("1.3", "tasks", "runtime")],
  ["1.3 with ids", flat("1.3", "tasks", "runtime", withIds)],
  ["1.4", flat("1.4", "tasks", "runtimeInSeconds")],
  [
    "1.4 whose tasks name each other by id",
    {
      ...flat("1.4", "tasks", "runtimeInSeconds"),
      workflow: {
        tasks: [
          { name: "split", id: "1", runtimeInSeconds: 1.5 },
          { name: "left", id: "2", runtimeInSeconds: 2, parents: ["1"] },
          { name: "right", id: "3", runtimeInSeconds: 3, parents: ["1"] },
          { name: "merge", id: "4", parents: ["2", "3"] },
        ],
      },
    },
  ],
] as [string, object][])("WfFormat %s", (_version, document) => {
  const { id, steps } = fromWfCommons(document);
  expect(id).toBe("diamond");
  expect(steps.map(({ id: step, needs = [], with: { ms } }) => [step, needs, ms])).toEqual([
    ["split", [], 1_500],
    ["left", ["split"], 2_000],
    ["right", ["split"], 3_000],
    // These versions do not ask for a runtime.
    ["merge", ["left", "right"], 0],
  ]);
  expect(prepare({ ...fromWfCommons(document) }, loadCatalogue()).steps).toHaveLength(4);
});

test("tasks of one name are told apart by their ids, and nobody can mean them by their name", () => {
  const document = (parents: readonly string[]) => ({
    name: "w",
    workflow: {
      tasks: [
        { name: "align", id: "ID01", runtime: 1 },
        { name: "align", id: "ID02", runtime: 1 },
        { name: "last", runtime: 1, parents },
      ],
    },
  });
  const { steps } = fromWfCommons(document(["ID01", "ID02"]));
  expect(steps.map((step) => step.name)).toEqual(["align_ID01", "align_ID02", "last"]);
  expect(steps[2]?.needs).toEqual(["align_ID01", "align_ID02"]);
  expect(issuesOf(document(["align"]))).toEqual(
    expect.arrayContaining([
      "document_invalid workflow.tasks.2.parents.0 expected one task, got: align, which is the name of several",
    ]),
  );
});

test.each([
  [
    "two tasks of one name without ids",
    { tasks: [{ name: "a" }, { name: "a" }] },
    "tasks.1.name a is given twice",
  ],
  [
    "an unknown parent",
    { jobs: [{ name: "a", parents: ["b"] }] },
    "jobs.0.parents.0 expected parents of a to be tasks, got: b",
  ],
  [
    "a cycle",
    {
      jobs: [
        { name: "a", parents: ["b"] },
        { name: "b", parents: ["a"] },
      ],
    },
    "jobs cycle: ",
  ],
  ["a runtime that is none", { tasks: [{ name: "a", runtime: -1 }] }, "tasks.0.runtime "],
  ["no tasks", { tasks: [] }, "tasks "],
  [
    "none of the forms",
    { steps: [] },
    " expected specification and execution (WfFormat 1.5 and later), tasks (1.3 and 1.4) or jobs (1.2), got: none of them",
  ],
] as [string, object, string][])("in older versions: %s", (_name, workflow, issue) => {
  const [first = ""] = issuesOf({ name: "w", workflow });
  expect(
    first.startsWith(`document_invalid workflow${issue.startsWith(" ") ? "" : "."}${issue}`),
  ).toBe(true);
});
