import type { OptimizerReport } from "../optimizer/think.ts";
import type { Optimizer } from "./optimizer.ts";

interface OptimizerDoorParts {
  readonly optimizer: Optimizer;
  /** Waits for Redis no longer than the client does. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
}

/** What the scheduled optimizer sees: `tutti.optimizer`. */
export class OptimizerDoor {
  readonly #parts: OptimizerDoorParts;

  constructor(parts: OptimizerDoorParts) {
    this.#parts = parts;
  }

  /**
   * Metrics, health, bottlenecks and alerts, as the last pass saw them. Null before the first: no worker has
   * run for long enough.
   */
  async report(): Promise<OptimizerReport | null> {
    const { optimizer, soon } = this.#parts;
    return soon(optimizer.report());
  }
}
