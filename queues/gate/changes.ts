import type { BudgetLimits, GatedLimits, Layer } from "./stored/limits.ts";
import type { MachineChange } from "./stored/machines.ts";

/** Changes to what the gate obeys. `false` removes a layer. */
export interface GateChanges {
  readonly tools?: Readonly<Record<string, Partial<Record<Layer, Partial<GatedLimits> | false>>>>;
  readonly budgets?: Readonly<Record<string, Partial<Record<Layer, BudgetLimits | false>>>>;
  readonly machines?: Readonly<Record<string, MachineChange>>;
  /** Tools that may be called again at once: their breaker closes, and what their service asked for is forgotten. */
  readonly open?: readonly string[];
  /** Discards what was learned about tools and machines, and stops keeping calls to learn from. */
  readonly forget?: true;
  /** 0 normal, 1 reduced, 2 minimal: fixed there, whatever fails. `auto`: failures decide again. */
  readonly level?: number | "auto";
  /** Who fixes the level, for the audit, and for how long. Default: an operator, until changed. */
  readonly levelBy?: {
    readonly who: string;
    readonly reason?: string;
    /** Milliseconds since 1970. */
    readonly untilMs?: number;
  };
}
