import { expect } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { test, type Orchestra } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 30_000 };

/** A worker that makes one call at a time, in which `log` gets `<run> <step>`. */
async function oneByOne(
  { work, queues }: Orchestra,
  log: string[],
  gate?: Turnstile,
): Promise<void> {
  const probe: ToolHandler = async (_input, { runId, stepId, signal }) => {
    log.push(`${runId} ${stepId}`);
    await gate?.pass(stepId, signal);
    return null;
  };
  const queue = queues.get("probe");
  await queue.pause();
  await work({ probe });
  // The worker has set what the catalogue says by now.
  await queue.setGlobalConcurrency(1);
  await queue.resume();
}

const two = workflow([{ id: "a" }, { id: "b", needs: ["a"] }]);

test("what was begun is finished before something new is begun", async ({ orchestra }) => {
  const { tutti } = orchestra;
  for (const runId of ["first", "second", "third"]) await tutti.submit(two, { runId });
  const log: string[] = [];
  await oneByOne(orchestra, log);
  for (const runId of ["first", "second", "third"]) await tutti.result(runId, WAIT);
  expect(log).toEqual(["first a", "first b", "second a", "second b", "third a", "third b"]);
});

test("the more urgent run goes first, however late it came", async ({ orchestra }) => {
  const { tutti } = orchestra;
  await tutti.submit(two, { runId: "low", priority: 1 });
  await tutti.submit(two, { runId: "usual" });
  await tutti.submit(two, { runId: "high", priority: 10 });
  const log: string[] = [];
  await oneByOne(orchestra, log);
  for (const runId of ["low", "usual", "high"]) await tutti.result(runId, WAIT);
  expect(log).toEqual(["high a", "high b", "usual a", "usual b", "low a", "low b"]);
});

test("a new priority moves what has not begun, also steps whose turn comes later", async ({
  orchestra,
}) => {
  const { tutti } = orchestra;
  for (const runId of ["first", "second", "third"]) await tutti.submit(two, { runId });
  expect(await tutti.setPriority("third", 9)).toEqual({ state: "queued", priority: 9 });
  expect(await tutti.setPriority("first", 2)).toMatchObject({ priority: 2 });
  expect((await tutti.get("third")).priority).toBe(9);
  const log: string[] = [];
  await oneByOne(orchestra, log);
  for (const runId of ["first", "second", "third"]) await tutti.result(runId, WAIT);
  expect(log).toEqual(["third a", "third b", "second a", "second b", "first a", "first b"]);
});

test("items of a forEach that are added later have the new priority too", async ({ orchestra }) => {
  const { tutti } = orchestra;
  const log: string[] = [];
  const gate = new Turnstile();
  await tutti.submit(
    workflow([{ id: "e", forEach: "[1, 2, 3, 4]", maxParallel: 1, with: { n: "${{ item }}" } }]),
    { runId: "each" },
  );
  await oneByOne(orchestra, log, gate);
  await gate.holds(1);
  for (const runId of ["x", "y"]) await tutti.submit(workflow([{ id: "a" }]), { runId });
  // The first item runs and adds the next: what it knows of its own priority is old by then.
  await tutti.setPriority("each", 1);
  gate.open();
  for (const runId of ["each", "x", "y"]) await tutti.result(runId, WAIT);
  expect(log).toEqual(["each e", "x a", "y a", "each e", "each e", "each e"]);
});

test("a new priority moves a run among those that wait for their turn", async ({ orchestra }) => {
  const { tutti, work } = orchestra;
  const gate = new Turnstile();
  await work({
    probe: async (_input, { runId, signal }) => {
      await gate.pass(runId, signal);
      return null;
    },
  });
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  for (let index = 0; index < 10; index++) await tutti.submit(plan, { runId: `busy-${index}` });
  await gate.holds(10);
  for (const runId of ["x", "y", "z"]) await tutti.submit(plan, { runId });
  await tutti.setPriority("z", 8);
  await tutti.setPriority("x", 8);
  await tutti.cancel("busy-0");
  await gate.holds(11);
  // Of the same class the one that was put there first.
  expect(gate.came.at(-1)).toBe("z");
  await tutti.cancel("busy-1");
  await gate.holds(12);
  expect(gate.came.at(-1)).toBe("x");
  gate.open();
  expect((await tutti.result("y", WAIT)).state).toBe("completed");
});

test("a priority that does not exist, or a run, is refused", async ({ orchestra: { tutti } }) => {
  for (const priority of [0, 11, 1.5])
    await expect(tutti.setPriority("nobody", priority)).rejects.toMatchObject({
      code: "request_invalid",
    });
  await expect(tutti.setPriority("nobody", 5)).rejects.toMatchObject({ code: "run_not_found" });
});
