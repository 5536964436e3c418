/** Workflows the overhead is measured on: for each step the earlier steps it depends on. */
export interface Shape {
  readonly name: string;
  readonly dependencies: readonly (readonly number[])[];
  /** Runs of one measurement; small shapes need more to be measurable. */
  readonly runs: number;
  /** Whether a BullMQ tree can hold all edges, so that bare BullMQ does the same work. */
  readonly tree: boolean;
}

const list = (length: number): number[] => Array.from({ length }, (_, index) => index);

/** The same "random" DAG in every run: 100 steps, 1 to 3 earlier steps within reach each. */
export function randomDependencies(count: number): number[][] {
  let state = 7;
  const random = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  return list(count).map((node) => {
    const wanted = node === 0 ? 0 : 1 + Math.floor(random() * 3);
    return [...new Set(list(wanted).map(() => Math.max(0, node - 1 - Math.floor(random() * 12))))];
  });
}

export const SHAPES: readonly Shape[] = [
  { name: "chain of 3", dependencies: [[], [0], [1]], runs: 400, tree: true },
  {
    name: "20 leaves + join",
    dependencies: [...list(20).map(() => []), list(20)],
    runs: 100,
    tree: true,
  },
  {
    name: "source -> 20 -> join",
    dependencies: [[], ...list(20).map(() => [0]), list(20).map((node) => node + 1)],
    runs: 80,
    tree: false,
  },
  { name: "diamond of 5", dependencies: [[], [0], [0], [0], [1, 2, 3]], runs: 250, tree: false },
  { name: "100-step random DAG", dependencies: randomDependencies(100), runs: 20, tree: false },
];

/** The shape as a workflow document over the no-op tool. */
export function documentOf(shape: Shape): object {
  return {
    tutti: 1,
    id: "bench",
    steps: shape.dependencies.map((on, node) => ({
      id: `s${node}`,
      tool: "bench.noop",
      needs: on.map((before) => `s${before}`),
    })),
  };
}
