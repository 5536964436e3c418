import type { StepLimits } from "../definition.ts";

/** What the end of a call says about the service behind its tool. */
export type CallClass =
  /** It answered. The answer may still fail the step. */
  | "ok"
  /** It asked to be left alone (429). */
  | "limited"
  /** Timeout, connection error, 5xx. */
  | "down"
  /** The call says nothing about it: it was cancelled, or never made. */
  | "none";

/** How a call ended, for the gate. */
export interface CallEnd {
  readonly class: CallClass;
  /** With `limited`: the pause the service asked for, in milliseconds; 0 if it named none. */
  readonly retryAfterMs?: number;
  /** Units actually used, by budget. */
  readonly actual?: Readonly<Record<string, number>>;
  /** It went well but was slow because its machine was full. */
  readonly own?: boolean;
  /** The call was not made. Its share of the rates is given back. */
  readonly unused?: boolean;
  /** How long it took, in milliseconds; set when its permit was handed on to it. */
  readonly ms?: number;
}

/** A call that went well and handed its permit on. */
export interface EndedWell {
  readonly ms: number;
  /** Its machine was full. */
  readonly own: boolean;
}

/** Milliseconds that calls of a tool had taken at a moment. Its growth tells how many calls were underway. */
export type CallSum = readonly [atMs: number, ms: number];

export interface Caller {
  readonly machine: string;
  readonly process: string;
}

/** A permit that was granted. */
export interface Grant {
  readonly permit: string;
  /** What its job takes in place of what the tool says. */
  readonly take: StepLimits | null;
  /** A call sent later than this after the grant may break a rate. 0: it uses no rate. Milliseconds. */
  readonly guardMs: number;
  /**
   * How many more calls may have this permit for a moment: nobody else waits for anything it holds, and that many jobs
   * stand in fair order. Missing: none.
   */
  readonly handOns?: number;
}

/** The answer to a request for a permit. */
export type Acquired =
  | ({ readonly status: "granted" } & Grant)
  /** The tool takes nothing. */
  | { readonly status: "open" }
  /** The next job will not call its tool, so it takes nothing. */
  | { readonly status: "free"; readonly job: string }
  | { readonly status: "paused" }
  /** No job waits. The next delayed one is due in this time; 0 if there is none. */
  | { readonly status: "empty"; readonly dueInMs: number }
  /** The process has no lease, or lost it, and must register first. */
  | { readonly status: "unknown" }
  /** Not now. After `waitMs` the reasons that pass with time have passed; 0 if there are none. */
  | { readonly status: "refused"; readonly waitMs: number; readonly reason: string };

/** The answer to a process that renews its lease. */
export interface Renewed {
  /** False if its permits were taken back because it was late, or if Redis lost them. */
  readonly known: boolean;
  /** The permits the process holds, without offers. */
  readonly permits: readonly string[];
}
