import type { ToolLimits } from "./limits.ts";
import type { Reason } from "./reasons.ts";

/** What a call takes: millionths of a machine, and of budgets. Lua writes an empty list as an empty object. */
export interface Taken {
  readonly n: Readonly<Record<string, number>>;
  readonly b: ToolLimits["budgets"] | Readonly<Record<string, never>>;
}

/** A place in the fair order: fewer calls of its tenant before it, then the smaller order, then who was added earlier. */
export interface Rank {
  readonly turn: number;
  readonly order: number;
  readonly at: number;
}

/** What keeps a tool, or one job of it, on each machine; see `Gate.explain`. Times are Redis' own, in milliseconds. */
export interface Explained {
  readonly now: number;
  /** Whether limits of the tool are known. */
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
  /** `<mean ms> <calls>`. */
  readonly service?: string | false;
  readonly machines: Readonly<Record<string, readonly Reason[]>>;
  /** Its place in the fair order behind those of its queue before it, at most 50; the last is its own. */
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
