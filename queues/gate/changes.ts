import type { BudgetLimits, GatedLimits, Layer } from "./stored/limits.ts";
import type { MachineChange } from "./stored/machines.ts";

/** Changes of what the gate goes by. `false` takes a layer away. */
export interface GateChanges {
  readonly tools?: Readonly<Record<string, Partial<Record<Layer, Partial<GatedLimits> | false>>>>;
  readonly budgets?: Readonly<Record<string, Partial<Record<Layer, BudgetLimits | false>>>>;
  readonly machines?: Readonly<Record<string, MachineChange>>;
  /** Tools that may be called again at once: their breaker closes and what their service asked for is forgotten. */
  readonly open?: readonly string[];
  /** What was learned so far of tools and machines holds no more, and calls are not kept to be learned from. */
  readonly forget?: true;
  /** 0 normal, 1 reduced, 2 minimal: fixed there, whatever fails. `auto`: what fails decides again. */
  readonly level?: number | "auto";
  /** Who says so, for the audit, and for how long. Default: an operator, until told otherwise. */
  readonly levelBy?: {
    readonly who: string;
    readonly reason?: string;
    /** Milliseconds since 1970. */
    readonly untilMs?: number;
  };
}
