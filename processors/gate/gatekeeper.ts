import type { Acquired, CallEnd, Grant, StepLimits } from "../../queues/worker.ts";

/** How the call of a job ended that did not make it. */
export const UNUSED: CallEnd = { class: "none", unused: true };

/** A job that leaves its worker. */
export interface LeavingCall {
  readonly jobId: string;
  readonly token: string;
  /** The worker takes another one. */
  readonly wants: boolean;
  /** It completes or fails. */
  readonly ends: boolean;
  /** It came without a permit, as one of so many of the tool here; null when it came with one. */
  readonly open: number | null;
}

/** A permit for the next job of a queue. */
export interface Place {
  readonly grant: Grant;
  /** It is that of the job before, and stays if nobody has begun to wait for it when the next one is taken. */
  readonly handed?: {
    /** Said when that was tried: no job was taken. */
    readonly isRefused: () => boolean;
    /** Then the gate is asked. */
    readonly ask: () => Promise<Place | null>;
  };
}

/**
 * What becomes of the place of a job that leaves: with `wants` it goes to the next job of the tool, when it is its turn, whose
 * permit it is then. A function when the gate has to be asked or told.
 */
export type Left = Place | null | (() => Promise<Place | null>);

/** What a worker's backend asks of the gate's side of its process. */
export interface Gatekeeper {
  /** Whether the jobs of a tool need no permit at this moment. */
  isOpen(tool: string): boolean;
  acquire(tool: string): Promise<Acquired>;
  /** Puts the next jobs of a queue in fair order; says how many were put there. Never fails. */
  arrange(tool: string, count: number): Promise<number>;
  release(permit: string, end: CallEnd): Promise<void>;
  amend(permit: string, take: StepLimits | null): Promise<Grant | null>;
  /** A job that was let pass without one has come. */
  passed(jobId: string, token: string): Promise<void>;
  /** A job was fetched with this permit. */
  hold(jobId: string, token: string, grant: Grant): void;
  /** Waits until there may be room for a tool, a second at most. */
  room(tool: string, waitMs: number): Promise<void>;
  /** Ends that waiting. */
  callOff(tool: string): void;
  /**
   * A job leaves its worker. A job that tries to leave once more has nothing to give, and nothing is said of it again.
   */
  leave(tool: string, leaving: LeavingCall): Left;
}
