import { assert, boolean, integer, property, tuple } from "fast-check";
import { describe, expect, it } from "vitest";

import { loadCatalogue } from "../../../../config/index.ts";
import { PAYLOAD_VERSION } from "../../../../queues/client.ts";
import type { RunDefinition } from "../../../../queues/index.ts";
import { layOut, type Layout } from "../../../../src/workflow/plan/layout.ts";
import { prepare } from "../../../../src/workflow/prepare.ts";
import { randomDag, SHAPES, workflowOf, type Dag } from "../../../support/drawn/dags.ts";

/** A step that could be any; only what the layout looks at matters. */
const step = (needs: string[], join: "all" | "settled" | "any", each: boolean) => ({
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
    version: PAYLOAD_VERSION,
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
          (["settled", "any"] as const)[((seed + node) * 7) % 5] ?? "all",
          ((seed + node) * 5) % 7 === 0,
        ),
      ]),
    ),
  };
}

const stepsOf = (layout: Layout) => layout.filter((job) => job.kind === "step");

/** For each step those that its job waits for as BullMQ sees it: its children, and who is linked to it. */
function directly(layout: Layout): Map<string, string[]> {
  const found = new Map(stepsOf(layout).map(({ stepId }) => [stepId, [] as string[]]));
  for (const { stepId, parent, links } of stepsOf(layout)) {
    const above = layout[parent];
    if (above?.kind === "step") found.get(above.stepId)!.push(stepId);
    for (const to of links) found.get(to)!.push(stepId);
  }
  return found;
}

/** The same with what follows from it: what has ended before a step may start, whatever happens. */
function waitsFor(layout: Layout, isAny: (stepId: string) => boolean): Map<string, Set<string>> {
  const direct = directly(layout);
  const all = new Map<string, Set<string>>();
  const visit = (stepId: string): Set<string> => {
    const known = all.get(stepId);
    if (known !== undefined) return known;
    const found = new Set<string>();
    all.set(stepId, found);
    // The first of its dependencies lets an `any` step start; nothing is certain of the others.
    if (!isAny(stepId))
      for (const before of direct.get(stepId)!)
        for (const one of [before, ...visit(before)]) found.add(one);
    return found;
  };
  for (const stepId of direct.keys()) visit(stepId);
  return all;
}

function expectRight(definition: RunDefinition): Layout {
  const layout = layOut(definition);
  // One job is above all others: the run's, or that of the one step that nobody waits for.
  for (const [index, { parent }] of layout.entries()) {
    expect(parent).toBeLessThan(index);
    if (index > 0) expect(parent).toBeGreaterThanOrEqual(0);
  }
  const belowRun = layout.filter(({ parent }) => parent === 0).length;
  if (layout[0]!.kind === "run") expect(belowRun).toBeGreaterThan(1);
  // Every step is there once, as what it is.
  const steps = stepsOf(layout);
  expect(layout.slice(1).every(({ kind }) => kind === "step")).toBe(true);
  expect(steps.map(({ stepId }) => stepId).toSorted()).toEqual(
    Object.keys(definition.steps).toSorted(),
  );
  for (const { stepId, queue } of steps)
    expect(queue === "tutti.each").toBe(definition.steps[stepId]!.forEach !== undefined);
  const isAny = (stepId: string): boolean =>
    definition.sequence === undefined && definition.steps[stepId]!.join === "any";
  const direct = directly(layout);
  const before = waitsFor(layout, isAny);
  for (const [id, { needs }] of Object.entries(definition.steps)) {
    // Nothing is named twice.
    expect(new Set(direct.get(id)).size).toBe(direct.get(id)!.length);
    // An `any` step is told of each of its dependencies, and has no children that it would have to wait for.
    if (isAny(id)) {
      expect(direct.get(id)!.toSorted()).toEqual([...needs].toSorted());
      expect(
        steps.filter(
          ({ parent }) =>
            layout[parent] === layout.find((job) => job.kind === "step" && job.stepId === id),
        ),
      ).toEqual([]);
      continue;
    }
    // Nothing starts before what it was declared to wait for.
    for (const need of needs) expect(before.get(id), `${id} waits for ${need}`).toContain(need);
    if (definition.sequence !== undefined) continue;
    // And for nothing else but what follows from that.
    const declared = new Set<string>();
    const visit = (one: string): void => {
      for (const need of isAny(one) ? [] : definition.steps[one]!.needs) {
        if (declared.has(need)) continue;
        declared.add(need);
        visit(need);
      }
    };
    visit(id);
    expect(before.get(id)).toEqual(declared);
    // Nor twice: what another of them waits for is not named.
    const implied = (one: string): boolean =>
      direct.get(id)!.some((other) => other !== one && before.get(other)!.has(one));
    expect(direct.get(id)!.filter(implied)).toEqual([]);
  }
  return layout;
}

describe("a layout", () => {
  it.each(Object.entries(SHAPES))("holds what was declared: %s", (_name, dag) => {
    expect(stepsOf(expectRight(define(dag)))).toHaveLength(dag.length);
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
    const before = waitsFor(layout, () => false);
    expect([...before.get("s3")!].toSorted()).toEqual(["s0", "s1", "s2"]);
    expect(layout).toHaveLength(4);
  });

  it("names for each of a step's dependents beside its parent one link, and no more", () => {
    const diamond: Dag = [[], [0], [0], [1, 2], [0, 3]];
    const links = stepsOf(expectRight(allJoins(diamond))).map((one) => [one.stepId, one.links]);
    // s1 and s2 stand under s3, and s0 under one of them: it is linked to the other.
    expect(Object.fromEntries(links)).toMatchObject({ s1: [], s2: [], s3: [], s4: [] });
    expect(links.flatMap(([, to]) => to)).toHaveLength(1);
  });

  it.each([
    ["an output", { output: "{{steps.s1}}" }],
    ["criteria of success", { success: ["true"] }],
  ])("has a job of the run where that has %s to compute", (_what, more) => {
    const chain = allJoins([[], [0]]);
    expect(layOut(chain)[0]).toMatchObject({ kind: "step", stepId: "s1", parent: -1 });
    expect(layOut({ ...chain, ...more })[0]).toEqual({ kind: "run", parent: -1 });
  });

  it("of a chain of 10,000 steps does not run out of stack, nor does its plan", () => {
    const chain = Array.from({ length: 10_000 }, (_, node) => (node === 0 ? [] : [node - 1]));
    const plan = prepare(workflowOf(chain, "core.echo"), loadCatalogue());
    expect(plan.jobs).toBe(10_000);
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
