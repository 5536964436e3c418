import { MACHINES, type Scenario } from "./definitions.ts";

/** Priorities of BullMQ in a second of virtual time; what the product uses. */
const PRIORITIES_PER_S = 100;
/** Weight of every class: the usual priority of runs. */
const WEIGHT = 5;

/**
 * The fair order of the product's admission (queues/runs/scripts/fair.ts), for runs that are played without
 * it: virtual finish times of classes, in seconds of the scenario.
 */
export class FairOrder {
  readonly #demand: readonly number[];
  readonly #finish: number[];
  #virtual = 0;

  constructor({ classes, tools }: Scenario) {
    this.#demand = classes.map(
      ({ steps }) =>
        steps.reduce((sum, { tool, times }) => {
          const { seconds, use } = tools[tool]!;
          return sum + times * seconds * Math.max(0.05, ...use);
        }, 0) / MACHINES,
    );
    this.#finish = classes.map(() => 0);
  }

  /** The tag of a run of this class that comes now. Virtual seconds. */
  tag(template: number): number {
    const start = Math.max(this.#virtual, this.#finish[template]!);
    const tag = start + this.#demand[template]! / WEIGHT;
    this.#finish[template] = tag;
    return tag;
  }

  /** A run with this tag begins. */
  begins(template: number, tag: number): void {
    this.#virtual = Math.max(this.#virtual, tag - this.#demand[template]! / WEIGHT);
  }

  static priority(tag: number): number {
    return 1 + Math.floor(tag * PRIORITIES_PER_S);
  }
}
