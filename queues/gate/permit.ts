import type { StepLimits } from "../definition.ts";

/** What the end of a call says about the service behind its tool. */
export type CallClass =
  /** It answered; what it said may still be a failure of the step. */
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
  /** With `limited`: how long the service asked for. Milliseconds; 0 when it did not say. */
  readonly retryAfterMs?: number;
  /** Units really used, by budget. */
  readonly actual?: Readonly<Record<string, number>>;
  /** It went well, and was slow for this reason: its machine was full. */
  readonly own?: boolean;
  /** The call was not made: what it took of rates is given back. */
  readonly unused?: boolean;
  /** How long it took, when its permit was handed on to it. Milliseconds. */
  readonly ms?: number;
}

/** A call that went well and whose permit was handed on. */
export interface EndedWell {
  readonly ms: number;
  /** Its machine was full. */
  readonly own: boolean;
}

/** The milliseconds that calls of a tool took up to a moment; what that grows by tells how many were underway. */
export type CallSum = readonly [atMs: number, ms: number];

/** A process on a machine, as the gate knows it. */
export interface Caller {
  readonly machine: string;
  readonly process: string;
}

/** A permit that was given. */
export interface Grant {
  readonly permit: string;
  /** What the job it was given for says instead of its tool. */
  readonly take: StepLimits | null;
  /** A call that goes out later than this after the grant may break a rate; 0: it takes of none. Milliseconds. */
  readonly guardMs: number;
  /**
   * For how many calls after its own it may be handed on for a moment, as nobody else waits for anything that it holds: that
   * many jobs stand in fair order. Missing: for none.
   */
  readonly handOns?: number;
}

/** What came of asking for a permit. */
export type Acquired =
  | ({ readonly status: "granted" } & Grant)
  /** The tool takes nothing. */
  | { readonly status: "open" }
  /** The next job will not call its tool; it takes nothing. */
  | { readonly status: "free"; readonly job: string }
  | { readonly status: "paused" }
  /** No job waits; the next delayed one is due after so long, 0 when there is none. */
  | { readonly status: "empty"; readonly dueInMs: number }
  /** The process has no lease (any more), and has to register first. */
  | { readonly status: "unknown" }
  /** Not now. `waitMs`: what passes with time has passed then; 0 when nothing of that kind. */
  | { readonly status: "refused"; readonly waitMs: number; readonly reason: string };

/** What a process hears that keeps its permits. */
export interface Renewed {
  /** False when they were taken back because it was late, or when Redis has lost them. */
  readonly known: boolean;
  /** The permits that are in its name, but for offers. */
  readonly permits: readonly string[];
}
