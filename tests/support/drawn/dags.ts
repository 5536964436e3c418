import { double, integer, tuple, type Arbitrary } from "fast-check";

/** A DAG: for each node the earlier nodes it depends on. */
export type Dag = readonly (readonly number[])[];

/** Random DAGs of up to `maxNodes` nodes, from sparse to dense. */
export function randomDag(maxNodes: number): Arbitrary<Dag> {
  return tuple(
    integer({ min: 1, max: maxNodes }),
    double({ min: 0.02, max: 0.6, noNaN: true }),
    integer(),
  ).map(([count, density, seed]) => {
    let state = (seed >>> 0) + 1;
    const random = () => {
      state = (state * 48_271) % 2_147_483_647;
      return state / 2_147_483_647;
    };
    return Array.from({ length: count }, (_, node) =>
      Array.from({ length: node }, (_unused, before) => before).filter(() => random() < density),
    );
  });
}

const list = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** Shapes that have broken DAG engines before. */
export const SHAPES: Readonly<Record<string, Dag>> = {
  single: [[]],
  chain: list(12).map((node) => (node === 0 ? [] : [node - 1])),
  diamond: [[], [0], [0], [1, 2]],
  N: [[], [], [0], [0, 1]],
  skip: [[], [0], [0, 1], [0, 1, 2], [0, 3]],
  bipartite: [[], [], [], [0, 1, 2], [0, 1, 2], [0, 1, 2]],
  "two joins": [[], [], [0, 1], [0, 1], [2, 3], [2, 3]],
  island: [[], [0], [], [2]],
  "1 -> 500 -> 1": [[], ...list(500).map(() => [0]), list(500).map((node) => node + 1)],
};

/** A workflow whose steps are the nodes: `s0`, `s1`, ... */
export function workflowOf(dag: Dag, tool = "probe", more: object = {}) {
  return {
    tutti: 1 as const,
    id: "dag",
    steps: dag.map((on, node) => ({
      id: `s${node}`,
      tool,
      needs: on.map((before) => `s${before}`),
      ...more,
    })),
  };
}
