import type { RunState } from "../../queues/index.ts";
import type { Outcome } from "../../queues/runs/record/run-record.ts";

export type { Outcome, RunState };
export type Policy = "fail_fast" | "resilient" | "recovery" | "adaptive";

type Retry = Readonly<Record<string, unknown>> & { readonly maxAttempts?: number };

/** A name, or an expression that has to hold. */
export type Condition = string | { readonly check: string };

export interface Step {
  readonly id: string;
  readonly tool: string;
  readonly needs?: readonly string[];
  readonly join?: "all" | "settled" | "any";
  readonly when?: string;
  /** A list written out; anything else cannot be evaluated. */
  readonly forEach?: string;
  readonly maxParallel?: number;
  readonly optional?: boolean;
  readonly onError?: Policy;
  readonly group?: string;
  readonly retry?: Retry;
  readonly timeoutMs?: number;
  readonly with?: Readonly<Record<string, string>>;
  readonly compensate?: {
    readonly tool: string;
    readonly with: Readonly<Record<string, string>>;
    readonly retry?: Retry;
  };
  readonly preconditions?: readonly Condition[];
  readonly postconditions?: readonly Condition[];
}

export interface Group {
  readonly onError?: Policy;
  readonly optional?: boolean;
  readonly escalate?: boolean;
}

export interface Workflow {
  readonly tutti: 1;
  readonly id: string;
  readonly mode?: "parallel" | "sequential";
  readonly onError?: Policy;
  readonly timeoutMs?: number;
  readonly groups?: Readonly<Record<string, Group>>;
  readonly steps: readonly Step[];
  readonly output?: string;
  readonly success?: readonly string[];
}

/** What one call does. `turns`: how often the event loop turns before it ends. */
export type Action =
  | { readonly do: "return"; readonly turns: number }
  /** Goes on when it is aborted, and returns. */
  | { readonly do: "heedless"; readonly turns: number }
  | { readonly do: "fail"; readonly code: string; readonly turns: number }
  /** Asks to be left alone for a moment. */
  | { readonly do: "busy" }
  /** Ends only when it is aborted. */
  | { readonly do: "hang" };

/** What the calls of a step (`a`), an item (`a[0]`) and a compensation (`~a`) do, one after another; the last repeats. */
export type Script = Readonly<Record<string, readonly Action[]>>;

export interface Ending {
  readonly outcome: Outcome;
  readonly attempts: number;
  /** Milliseconds since 1970, as Redis stamped them. */
  readonly startedAt: number | null;
  readonly finishedAt: number;
  readonly code?: string | undefined;
  readonly reason?: string | undefined;
}

export interface Call {
  /** `a`, `a[0]` or `~a`. */
  readonly key: string;
  /** Place in the order of all beginnings and ends of calls of this process. */
  readonly began: number;
  readonly beganMs: number;
  /** Infinity: it has not ended. */
  readonly ended: number;
  readonly how: "running" | "returned" | "threw" | "aborted";
  /** Whether its signal had been aborted when it ended. */
  readonly aborted: boolean;
}

/** What was seen of a run. */
export interface History {
  readonly state: RunState;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly code?: string | undefined;
  /** Endings of steps and items, by key. */
  readonly endings: Readonly<Record<string, Ending>>;
  readonly calls: readonly Call[];
  /** A cancel that took effect, and when it was asked for and answered. Milliseconds since 1970. */
  readonly cancel?: { readonly asked: number; readonly answered: number } | undefined;
}

/** What is compared: a workflow, what its tools do, and what was seen. */
export interface Seen {
  readonly workflow: Workflow;
  readonly script: Script;
  readonly history: History;
}

/** One way a step may have ended. */
export interface Way {
  readonly outcome: Outcome;
  /** Fewest and most calls. */
  readonly calls: readonly [number, number];
  /** Calls that count as attempts, when that is known. */
  readonly attempts?: number;
  /** Code of the error. */
  readonly code?: string;
  /** A step that the reason has to name. */
  readonly names?: string;
  /** The rule that allows it, for people. */
  readonly why: string;
}

export interface Compensated {
  readonly key: string;
  readonly need: "must" | "may";
  readonly fails: boolean;
  readonly calls: number;
}

/** What the contract allows. */
export interface Allowed {
  readonly ways: ReadonlyMap<string, readonly Way[]>;
  readonly states: ReadonlySet<RunState>;
  readonly compensated: readonly Compensated[];
  /** Whether something was stopped. Otherwise every step has one way and the run one state, unless an `any` step read what was still running. */
  readonly stopped: boolean;
}

export const itemKey = (step: string, item: number): string => `${step}[${item}]`;
export const stepOf = (key: string): string => key.replace(/^~/, "").replace(/\[\d+\]$/, "");
