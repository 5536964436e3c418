import type { BudgetTake } from "../../definition.ts";
import { listed } from "./limits.ts";
import { decodeService, type Service } from "./snapshot.ts";

/** What keeps a call from starting on a machine, as the script decides it. */
export type Reason =
  /** Tools of this importance rest at the deployment's level. */
  | { readonly kind: "degraded"; readonly level: number }
  | { readonly kind: "breaker"; readonly state: "open"; readonly untilMs: number }
  | { readonly kind: "breaker"; readonly state: "half_open"; readonly probes: number }
  /** The service behind the tool asked to be left alone. */
  | { readonly kind: "cool_down"; readonly upstream: string; readonly untilMs: number }
  /** The ramp after that: more and more calls are let through, but not yet all. */
  | {
      readonly kind: "ramp";
      readonly upstream: string;
      readonly allowed: number;
      readonly goal: number;
    }
  /** As many calls are underway as the service behind the tool was seen to carry. */
  | { readonly kind: "knee"; readonly limit: number }
  /** It needs more than the total capacity. */
  | {
      readonly kind: "exceeds";
      readonly budget: string;
      readonly need: number;
      readonly capacity: number;
      readonly durationMs?: number;
    }
  | {
      readonly kind: "slots";
      readonly budget: string;
      readonly need: number;
      readonly free: number;
      readonly capacity: number;
    }
  | {
      readonly kind: "rate";
      readonly budget: string;
      readonly capacity: number;
      readonly durationMs: number;
      readonly untilMs: number;
    }
  /** Another tool goes first at a budget that both use. */
  | { readonly kind: "behind"; readonly budget: string; readonly tool: string }
  /** Shares of the machine, in millionths. */
  | {
      readonly kind: "resource";
      readonly resource: string;
      readonly machine: string;
      readonly need?: number;
      readonly free?: number;
    }
  /** The machine is kept free for a big job that has waited long. */
  | {
      readonly kind: "drain";
      readonly resource: string;
      readonly machine: string;
      readonly tool: string;
    };

/** Splits a label of blocked time into the kind of the reason and the budget, resource or upstream that it names. */
export function partsOfLabel(label: string): { readonly kind: string; readonly of: string } {
  const at = label.indexOf(":");
  return at < 0 ? { kind: label, of: "" } : { kind: label.slice(0, at), of: label.slice(at + 1) };
}

/** What a call takes: millionths of a machine, and budgets. */
export interface Taken {
  readonly units: Readonly<Record<string, number>>;
  readonly budgets: readonly BudgetTake[];
}

/**
 * A place in the fair order, compared field by field: calls of its tenant before it, then the order, then when it was
 * added.
 */
export interface Rank {
  readonly turn: number;
  readonly order: number;
  readonly at: number;
}

/**
 * What keeps a tool, or one of its jobs, on each machine; see `Gate.explain`. Times are Redis' own, in milliseconds.
 */
export interface Explained {
  readonly now: number;
  /** Whether the gate knows limits of the tool. */
  readonly known: boolean;
  readonly paused: boolean;
  /** The job that would be fetched next. */
  readonly head?: string | false;
  readonly waiting: number;
  readonly active: number;
  readonly running: number;
  /** Jobs of the queue before this one; absent when it does not wait there. */
  readonly ahead?: number | false;
  /** Until when it stands aside. */
  readonly dueMs?: number | false;
  /** It will not call its tool. */
  readonly free?: boolean;
  readonly take?: Taken;
  /** Null: too few of its calls have ended. */
  readonly service: Service | null;
  readonly machines: Readonly<Record<string, readonly Reason[]>>;
  /** Places of the jobs of its queue before it and its own, which is last; at most 50. */
  readonly ranks: readonly Rank[];
  /** Other tools in line, with the places of their first jobs. */
  readonly others: readonly {
    readonly tool: string;
    readonly take: Taken;
    readonly ranks: readonly Rank[];
  }[];
  /** When each window lets it through, after those before it. */
  readonly rates: readonly {
    readonly budget: string;
    readonly max: number;
    readonly durationMs: number;
    readonly atMs: number;
  }[];
}

interface StoredTake {
  readonly n: Taken["units"];
  readonly b: readonly BudgetTake[] | Readonly<Record<string, never>>;
}

/** A {@link Reason} with the gate's line in which the call waits. */
type StoredReason = Reason & { readonly line?: string };

/** {@link Explained} as the script returns it. */
export interface ExplainedAnswer extends Omit<
  Explained,
  "take" | "service" | "machines" | "others"
> {
  readonly take?: StoredTake;
  readonly service?: string | false;
  readonly machines: Readonly<Record<string, readonly StoredReason[]>>;
  readonly others: readonly {
    readonly tool: string;
    readonly take: StoredTake;
    readonly ranks: readonly Rank[];
  }[];
}

function withoutLine(stored: StoredReason): Reason {
  const { line: _, ...reason } = stored;
  return reason;
}

const takeOf = ({ n, b }: StoredTake): Taken => ({ units: n, budgets: listed(b) });

export function decodeExplained({ take, ...answer }: ExplainedAnswer): Explained {
  return {
    ...answer,
    ...(take === undefined ? {} : { take: takeOf(take) }),
    service: decodeService(answer.service),
    machines: Object.fromEntries(
      Object.entries(answer.machines).map(([name, reasons]) => [
        name,
        listed(reasons).map(withoutLine),
      ]),
    ),
    ranks: listed(answer.ranks),
    others: listed(answer.others).map((other) => ({
      ...other,
      take: takeOf(other.take),
      ranks: listed(other.ranks),
    })),
    rates: listed(answer.rates),
  };
}
