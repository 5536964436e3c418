import { roomOf } from "../../../queues/client.ts";
import { MACHINE_UNITS } from "../../../queues/index.ts";

/** A rate: at most so many units in any window. */
export interface ModelRate {
  readonly max: number;
  readonly durationMs: number;
}

/** A budget of the model; those of one tool alone included. */
export interface ModelBudget {
  /** Undefined: not limited. */
  readonly slots?: number;
  readonly rates: readonly ModelRate[];
}

/** A tool of the model: what its calls take, and what was recorded of it. */
export interface ModelTool {
  /** Shares of one machine by resource. */
  readonly resources: Readonly<Record<string, number>>;
  /** What a call takes of budgets. */
  readonly budgets: readonly {
    readonly budget: string;
    readonly slots: number;
    readonly units: number;
  }[];
  /** Calls at once that the service behind it was seen to carry. */
  readonly cap?: number;
  /** Jobs that came in each step of the recording. */
  readonly arrivals: readonly number[];
  /** Jobs that waited when it began. */
  readonly waiting: number;
  /** Times of calls at evenly spaced shares of them, the shortest first. Milliseconds. */
  readonly serviceMs: readonly number[];
}

/** A machine of the model. Resources that are not named have `others`. */
export interface ModelMachine {
  readonly capacity: Readonly<Record<string, number>>;
  /** Null: no bound. */
  readonly others: number | null;
  readonly background: Readonly<Record<string, number>>;
}

/** Millionths of a machine for shares of it; what came from whole millionths is the same again. */
export function unitsIn(shares: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(shares).map(([name, share]) => [name, Math.floor(share * MACHINE_UNITS + HAIR)]),
  );
}

/** What is binary about shares. Millionths of a machine. */
const HAIR = 1e-6;

/** Millionths of a resource that calls may have; Infinity: it has no bound. */
export function capacityIn({ capacity, others, background }: ModelMachine) {
  const machine = {
    capacity: unitsIn(capacity),
    others: others === null ? null : Math.floor(others * MACHINE_UNITS + HAIR),
    background: unitsIn(background),
  };
  return (resource: string): number => roomOf(machine, resource);
}

/** A stretch of a deployment's life, and the limits it was lived under. */
export interface Recording {
  readonly stepMs: number;
  readonly steps: number;
  readonly tools: Readonly<Record<string, ModelTool>>;
  readonly budgets: Readonly<Record<string, ModelBudget>>;
  readonly machines: readonly ModelMachine[];
}
