import { LRUCache } from "lru-cache";

import type { KeptSample, Runs } from "../../../queues/client.ts";
import { shapeOf, type Shape, type Shapes } from "../findings/shape.ts";
import type { OptimizerState } from "../think.ts";

/** Shapes that are kept: each is small, and what a hash names never changes. */
const KEPT = 500;

/** The shapes of the workflows whose runs were admitted lately. */
export class ShapeReader {
  readonly #cache: LRUCache<string, Shape>;

  constructor(runs: Runs) {
    this.#cache = new LRUCache({
      max: KEPT,
      fetchMethod: async (hash: string) => {
        const definition = await runs.definition(hash);
        return definition === null ? undefined : shapeOf(definition);
      },
    });
  }

  /** Those of the windows that are remembered and of the new samples. A workflow that was removed has none. */
  async of(state: OptimizerState, samples: readonly KeptSample[]): Promise<Shapes> {
    const hashes = new Set([
      ...state.findings.windows.flatMap(({ admitted }) => Object.keys(admitted)),
      ...samples.flatMap(({ sample }) => Object.keys({ ...sample.admitted, ...sample.unseen })),
    ]);
    const found = await Promise.all(
      [...hashes].map(async (hash) => [hash, await this.#cache.fetch(hash)] as const),
    );
    const shapes: Record<string, Shape> = {};
    for (const [hash, shape] of found) if (shape !== undefined) shapes[hash] = shape;
    return shapes;
  }
}
