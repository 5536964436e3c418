import { expect, test } from "vitest";

import { PENDING } from "../../../../queues/client.ts";
import { type RunDefinition, type StepRecord } from "../../../../queues/index.ts";
import { eligibleAtMs } from "../../../../src/runs/view/eligible.ts";

const ended = (
  startedAtMs: number,
  finishedAtMs: number | null = startedAtMs + 10,
): StepRecord => ({
  ...PENDING,
  state: finishedAtMs === null ? "running" : "completed",
  startedAtMs,
  finishedAtMs,
});

const definition = (steps: object, more: object = {}): RunDefinition =>
  ({ steps, ...more }) as unknown as RunDefinition;

const ask = (
  steps: object,
  records: Record<string, StepRecord>,
  [stepId, item]: [string, number?],
  more: object = {},
): number | null =>
  eligibleAtMs(
    {
      definition: definition(steps, more),
      records: new Map(Object.entries(records)),
      admittedAtMs: 100,
    },
    stepId,
    item,
  );

const needs = (...on: string[]): object => ({ needs: on, join: "all" });

test("a step is free when its run was admitted and the last it needs has ended", () => {
  const steps = {
    a: needs(),
    b: needs(),
    c: needs("a", "b"),
    d: { needs: ["a", "b"], join: "any" },
  };
  const run = { definition: definition(steps), records: new Map(), admittedAtMs: null };
  expect(eligibleAtMs(run, "a")).toBeNull();
  expect(ask(steps, {}, ["a"])).toBe(100);
  expect(ask(steps, { a: ended(110) }, ["c"])).toBeNull();
  expect(ask(steps, { a: ended(110), b: ended(150) }, ["c"])).toBe(160);
  expect(ask(steps, { a: ended(130), b: ended(105, null) }, ["d"])).toBe(140);
});

test("in a sequence it is free behind the one before", () => {
  const steps = { a: needs(), b: needs(), c: needs() };
  const sequence = { sequence: ["a", "b", "c"] };
  expect(ask(steps, { a: ended(110) }, ["b"], sequence)).toBe(120);
  expect(ask(steps, { a: ended(110) }, ["c"], sequence)).toBeNull();
  expect(ask(steps, { a: ended(110), b: ended(121), c: ended(140) }, ["b"], sequence)).toBe(120);
});

test("items are free with their forEach, behind the item whose place they take, or behind their stage", () => {
  const each = { needs: [], join: "all", forEach: { maxParallel: 2 } };
  const stage = { needs: ["a"], join: "all", forEach: { maxParallel: 2, streams: "a" } };
  const steps = { a: each, b: stage };
  const records = { a: ended(110, null), "a[0]": ended(111), "a[1]": ended(112, null) };
  expect([0, 1, 2, 3].map((item) => ask(steps, records, ["a", item]))).toEqual([
    110,
    110,
    121,
    null,
  ]);
  expect(ask(steps, records, ["b", 0])).toBe(121);
});

test("what was kept from before a resumption keeps what can be known", () => {
  const steps = { a: needs(), b: needs("a") };
  const records = { a: ended(20), b: ended(40) };
  expect(ask(steps, records, ["a"])).toBeNull();
  expect(ask(steps, records, ["b"])).toBe(30);
});
