import { assert, boolean, integer, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";

import { loadCatalogue } from "../../../../config/index.ts";
import type { RunDefinition } from "../../../../queues/index.ts";
import { layOut, type LaidJob, type Layout } from "../../../../src/workflow/plan/layout.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";
import { randomDag, SHAPES, workflowOf, type Dag } from "../../../support/dags.ts";

/** A step that could be any; only what the layout looks at matters. */
const step = (needs: string[], join: "all" | "settled", each: boolean) => ({
  tool: "core.echo",
  with: {},
  needs,
  join,
  ...(each ? { forEach: { items: "[]", as: "item", maxParallel: 1 } } : {}),
  retry: {
    maxAttempts: 1,
    backoff: "fixed",
    baseDelayMs: 0,
    maxDelayMs: 0,
    jitter: false,
  } as const,
  timeoutMs: 1,
  optional: false,
  idempotent: true,
});

function define(dag: Dag, seed = 0, sequential = false): RunDefinition {
  const ids = dag.map((_, node) => `s${node}`);
  return {
    version: 2,
    workflow: { id: "wf", name: "wf" },
    ...(sequential ? { sequence: ids } : {}),
    onError: "resilient",
    timeoutMs: 1,
    success: [],
    steps: Object.fromEntries(
      dag.map((on, node) => [
        ids[node]!,
        step(
          on.map((before) => ids[before]!),
          ((seed + node) * 7) % 5 === 0 ? "settled" : "all",
          ((seed + node) * 5) % 7 === 0,
        ),
      ]),
    ),
  };
}

const labelOf = (job: LaidJob): string =>
  job.kind === "step" ? job.stepId : job.kind === "fork" ? job.label : "";

/**
 * For each step and join the nodes that must have ended before its job may start, as BullMQ sees it: a
 * job starts when all its children have ended, an edge ends when its fork has released it.
 */
function waitsFor(layout: Layout): Map<string, Set<string>> {
  const children = layout.map(() => [] as number[]);
  for (const [index, job] of layout.entries())
    if (job.parent >= 0) children[job.parent]!.push(index);
  const direct = new Map<string, string[]>();
  for (const [index, job] of layout.entries()) {
    const isJoin = job.kind === "fork" && job.label.startsWith("join.");
    if (job.kind !== "step" && !isJoin) continue;
    direct.set(
      labelOf(job),
      children[index]!.map((child) => {
        const below = layout[child]!;
        return below.kind === "edge" ? below.from : labelOf(below);
      }),
    );
  }
  const all = new Map<string, Set<string>>();
  const visit = (label: string): Set<string> => {
    const known = all.get(label);
    if (known !== undefined) return known;
    const found = new Set<string>();
    for (const before of direct.get(label) ?? []) {
      found.add(before);
      for (const further of visit(before)) found.add(further);
    }
    all.set(label, found);
    return found;
  };
  for (const label of direct.keys()) visit(label);
  return all;
}

function expectRight(definition: RunDefinition): Layout {
  const layout = layOut(definition);
  expect(layout[0]).toEqual({ kind: "run", parent: -1 });
  for (const [index, job] of layout.slice(1).entries())
    expect(job.parent).toBeLessThanOrEqual(index);
  // Every step is there once, as what it is.
  const steps = layout.filter((job) => job.kind === "step");
  expect(steps.map(labelOf).toSorted()).toEqual(Object.keys(definition.steps).toSorted());
  for (const job of steps)
    expect(job.queue === "tutti.each").toBe(definition.steps[labelOf(job)]!.forEach !== undefined);
  // Nothing starts before what it was declared to wait for.
  const before = waitsFor(layout);
  for (const [id, { needs }] of Object.entries(definition.steps))
    for (const need of needs) expect(before.get(id), `${id} waits for ${need}`).toContain(need);
  // And for nothing else but what follows from that.
  const declared = (id: string, found = new Set<string>()): Set<string> => {
    for (const need of definition.steps[id]!.needs) {
      if (!found.has(need)) {
        found.add(need);
        declared(need, found);
      }
    }
    return found;
  };
  for (const id of definition.sequence === undefined ? Object.keys(definition.steps) : []) {
    const waits = [...before.get(id)!].filter((label) => !label.startsWith("join."));
    expect(new Set(waits)).toEqual(declared(id));
  }
  // Every edge is released, once, by a fork of its source.
  const edges = layout.filter((job) => job.kind === "edge").map((job) => `${job.from} ${job.to}`);
  const released = layout.flatMap((job) =>
    job.kind === "fork" ? job.releases.map((to) => `${job.label} ${to}`) : [],
  );
  expect(new Set(edges).size).toBe(edges.length);
  expect(released.toSorted()).toEqual(edges.toSorted());
  const forks = layout.filter((job) => job.kind === "fork");
  expect(layout).toHaveLength(1 + steps.length + forks.length + edges.length);
  return layout;
}

describe("a layout", () => {
  it.each(Object.entries(SHAPES))("holds what was declared: %s", (_name, dag) => {
    expect(expectRight(define(dag)).length).toBeGreaterThan(dag.length);
  });

  it("holds what was declared, for random DAGs of both joins and modes", () => {
    assert(
      property(
        tuple(randomDag(40), integer({ min: 0, max: 100 }), boolean()),
        ([dag, seed, sequential]) => {
          const definition = define(dag, seed, sequential);
          expect(expectRight(definition)).toEqual(layOut(structuredClone(definition)));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("sequential: each step waits for the one before", () => {
    const layout = layOut(define([[], [], [], []], 1, true));
    const before = waitsFor(layout);
    expect([...before.get("s3")!].toSorted()).toEqual(["s0", "s1", "s2"]);
    expect(layout).toHaveLength(5);
  });

  it("costs m + k edges where k steps wait for the same m, not m * k", () => {
    const bipartite: Dag = [
      ...Array.from({ length: 30 }, () => []),
      ...Array.from({ length: 30 }, () => Array.from({ length: 30 }, (_, node) => node)),
    ];
    const layout = expectRight(allJoins(bipartite));
    expect(layout.filter((job) => job.kind === "edge").length).toBeLessThan(60);
  });

  it("does not put steps of different joins behind one join", () => {
    const dag: Dag = [[], [], [0, 1], [0, 1], [0, 1], [0, 1]];
    const definition = allJoins(dag);
    const mixed = {
      ...definition,
      steps: Object.fromEntries(
        Object.entries(definition.steps).map(([id, one]) => [
          id,
          id === "s4" || id === "s5" ? { ...one, join: "settled" as const } : one,
        ]),
      ),
    };
    const joins = expectRight(mixed).filter(
      (job) => job.kind === "fork" && job.label.startsWith("join."),
    );
    expect(joins).toHaveLength(2);
  });

  it("of a chain of 10,000 steps does not run out of stack, nor does its plan", () => {
    const chain = Array.from({ length: 10_000 }, (_, node) => (node === 0 ? [] : [node - 1]));
    const plan = prepare(workflowOf(chain, "core.echo"), loadCatalogue());
    expect(plan.jobs).toBe(10_001);
    expect(plan.levels).toHaveLength(10_000);
    expect(plan.criticalPath.steps).toHaveLength(10_000);
  });
});

function allJoins(dag: Dag): RunDefinition {
  const definition = define(dag);
  return {
    ...definition,
    steps: Object.fromEntries(
      Object.entries(definition.steps).map(([id, { needs }]) => [
        id,
        step([...needs], "all", false),
      ]),
    ),
  };
}
