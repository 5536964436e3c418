import { array, assert, constant, integer, property, record, tuple } from "fast-check";
import { describe, expect, it } from "vitest";

import {
  dependentsOf,
  findCycle,
  givenOrder,
  heaviestPath,
  levelsOf,
  topologicalOrder,
  transitiveReduction,
} from "../../../../src/workflow/graph/dag.ts";
import { randomDag, SHAPES, type Dag } from "../../../support/drawn/dags.ts";

/** Nodes that `node` depends on, directly or not. The slow and obvious way. */
function ancestors(dag: Dag, node: number): Set<number> {
  const found = new Set<number>();
  const visit = (one: number): void => {
    for (const before of dag[one]!) {
      if (!found.has(before)) {
        found.add(before);
        visit(before);
      }
    }
  };
  visit(node);
  return found;
}

/** Drops each edge that is implied by another. */
function naiveReduction(dag: Dag): number[][] {
  return dag.map((on) =>
    on.filter((edge) => !on.some((other) => other !== edge && ancestors(dag, other).has(edge))),
  );
}

/** The same DAG with its nodes in another order. */
function shuffled(dag: Dag, seed: number): Dag {
  const at = dag.map((_, node) => node);
  let state = (seed >>> 0) + 1;
  for (let last = at.length - 1; last > 0; last--) {
    state = (state * 48_271) % 2_147_483_647;
    const other = state % (last + 1);
    [at[last], at[other]] = [at[other]!, at[last]!];
  }
  const result: number[][] = dag.map(() => []);
  for (const [node, on] of dag.entries()) result[at[node]!] = on.map((before) => at[before]!);
  return result;
}

const anyDag = tuple(randomDag(25), integer()).map(([dag, seed]) => shuffled(dag, seed));
const sorted = (lists: readonly (readonly number[])[]) =>
  lists.map((one) => one.toSorted((a, b) => a - b));
const chain = (length: number): number[][] =>
  Array.from({ length }, (_, node) => (node === 0 ? [] : [node - 1]));

describe("topologicalOrder and givenOrder", () => {
  it.each([
    ["topologicalOrder", (dag: Dag) => topologicalOrder(dag)!],
    ["givenOrder", givenOrder],
  ])("%s: every node once, dependencies first", (_name, order) => {
    assert(
      property(anyDag, (dag) => {
        const found = order(dag);
        expect(found.toSorted((a, b) => a - b)).toEqual(dag.map((_, node) => node));
        const place = new Map(found.map((node, index) => [node, index]));
        for (const [node, on] of dag.entries())
          for (const before of on) expect(place.get(before)!).toBeLessThan(place.get(node)!);
      }),
    );
  });

  it("givenOrder keeps an order that is possible, and pulls dependencies ahead in any other", () => {
    assert(
      property(randomDag(25), (dag) => {
        expect(givenOrder(dag)).toEqual(dag.map((_, node) => node));
      }),
    );
    expect(givenOrder([[2], [], [3], []])).toEqual([3, 2, 0, 1]);
  });
});

describe("transitiveReduction", () => {
  it("drops exactly the edges that follow from others", () => {
    assert(
      property(anyDag, (dag) => {
        const reduced = transitiveReduction(dag, topologicalOrder(dag)!);
        expect(sorted(reduced)).toEqual(sorted(naiveReduction(dag)));
      }),
      { numRuns: 300 },
    );
  });

  it.each(Object.entries(SHAPES))("keeps what may start when: %s", (_name, dag) => {
    const reduced = transitiveReduction(dag, topologicalOrder(dag)!);
    for (const node of dag.keys()) expect(ancestors(reduced, node)).toEqual(ancestors(dag, node));
  });

  it("takes more than one word of bits", () => {
    const dag = chain(200).map((on, node) => (node > 1 ? [...on, 0, Math.floor(node / 2)] : on));
    expect(transitiveReduction(dag, topologicalOrder(dag)!)).toEqual(chain(200));
  });
});

describe("findCycle", () => {
  it("finds none in a DAG", () => {
    assert(
      property(anyDag, (dag) => {
        expect(findCycle(dag)).toBeNull();
      }),
    );
  });

  it("finds a real cycle when an edge back was added", () => {
    assert(
      property(anyDag, integer({ min: 0 }), integer({ min: 0 }), (dag, a, b) => {
        const order = topologicalOrder(dag)!;
        const low = order[Math.min(a, b) % order.length]!;
        const high = order[Math.max(a, b) % order.length]!;
        const graph = dag.map((on) => [...on]);
        // low waits for high; that is a cycle when high waits for low, or when they are one.
        graph[low]!.push(high);
        const cyclic = low === high || ancestors(dag, high).has(low);
        const cycle = findCycle(graph);
        expect(cycle !== null).toBe(cyclic);
        expect(topologicalOrder(graph) === null).toBe(cyclic);
        for (const [index, node] of (cycle ?? []).entries()) {
          const before = cycle!.at(index - 1)!;
          expect(graph[node]).toContain(before);
        }
      }),
      { numRuns: 300 },
    );
  });

  it("does not run out of stack", () => {
    const ring = chain(100_000);
    ring[0]!.push(99_999);
    expect(findCycle(ring)).toHaveLength(100_000);
    expect(findCycle(chain(100_000))).toBeNull();
    expect(
      givenOrder(
        chain(100_000)
          .toReversed()
          .map((on) => on.map((node) => 99_999 - node)),
      ),
    ).toHaveLength(100_000);
  });
});

describe("levelsOf and heaviestPath", () => {
  it("levels: a node stands one level above the highest of its dependencies", () => {
    assert(
      property(anyDag, (dag) => {
        const levels = levelsOf(dag, topologicalOrder(dag)!);
        const level = new Map(
          levels.flatMap((nodes, at) => nodes.map((node) => [node, at] as const)),
        );
        expect(level.size).toBe(dag.length);
        for (const [node, on] of dag.entries())
          expect(level.get(node)).toBe(Math.max(-1, ...on.map((before) => level.get(before)!)) + 1);
      }),
    );
  });

  it("heaviestPath: no chain of dependencies weighs more", () => {
    const weighted = anyDag.chain((dag) =>
      record({
        dag: constant(dag),
        weights: array(integer({ min: 0, max: 50 }), {
          minLength: dag.length,
          maxLength: dag.length,
        }),
      }),
    );
    assert(
      property(weighted, ({ dag, weights }) => {
        const memo = new Map<number, number>();
        const best = (node: number): number => {
          const known = memo.get(node);
          if (known !== undefined) return known;
          const found = weights[node]! + Math.max(0, ...dag[node]!.map(best));
          memo.set(node, found);
          return found;
        };
        const path = heaviestPath(dag, topologicalOrder(dag)!, weights);
        expect(path.reduce((sum, node) => sum + weights[node]!, 0)).toBe(
          Math.max(...dag.map((_, node) => best(node))),
        );
        for (const [index, node] of path.slice(1).entries())
          expect(dag[node]).toContain(path[index]);
        expect(dag[path[0]!]).toEqual([]);
      }),
    );
  });

  it("dependentsOf turns the edges round", () => {
    expect(dependentsOf([[], [0], [0, 1]])).toEqual([[1, 2], [2], []]);
  });
});
