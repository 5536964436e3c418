import {
  DelayedError,
  UnrecoverableError,
  WaitingChildrenError,
  WaitingError,
  type Job,
} from "bullmq";

import type { StepError, StepJob, StepRecord } from "../../../queues/index.ts";

/** How a start of a job ends. It is a value until {@link leave} tells BullMQ. */
export type Exit =
  /** Its step has ended; the record says how. */
  | { readonly kind: "ended"; readonly record: StepRecord }
  /** Its step ends with its job: the record is written when BullMQ ends that. */
  | { readonly kind: "ending"; readonly state: "completed" }
  /** This start has no say (any more): its run is gone, or a later start is at work. */
  | { readonly kind: "void"; readonly state: "gone" | "fenced" }
  /** The job stands aside for so long, or until it is called. `afterwards` looks once more at what it waits for. */
  | {
      readonly kind: "delayed";
      readonly delayMs: number;
      readonly reason: string;
      readonly afterwards?: () => Promise<unknown>;
    }
  /** The job goes back to its queue. */
  | { readonly kind: "waiting"; readonly reason: string }
  /** The job waits for its children; when none is left, `otherwise` goes on at once. */
  | { readonly kind: "children"; readonly otherwise: () => Promise<Exit> }
  /** Another attempt follows after a pause. */
  | { readonly kind: "retry"; readonly error: StepError; readonly pauseMs: number };

export const ended = (record: StepRecord): Exit => ({ kind: "ended", record });

/** Nothing is left to do for this start. */
export const GONE: Exit = { kind: "void", state: "gone" };

/** What a job returns: state and reason only. Outputs stand in the run record. */
export interface Finished {
  readonly state: string;
  readonly reason?: string;
}

/** Thrown to BullMQ when another attempt follows; carries its pause. */
export class RetryLater extends Error {
  override readonly name = "RetryLater";
  readonly delayMs: number;

  constructor(error: StepError, delayMs: number) {
    super(`${error.code}: ${error.message}`);
    this.delayMs = delayMs;
  }
}

/**
 * Carries out how a start of a job ends. The only place where BullMQ's own ways out are thrown: a job is moved
 * first, then its processor is left by the error that says so.
 */
export async function leave(
  job: Job<StepJob>,
  token: string | undefined,
  exit: Exit,
): Promise<Finished> {
  switch (exit.kind) {
    case "ended":
      return finish(exit.record);
    case "ending":
    case "void":
      return { state: exit.state };
    case "delayed":
      await job.moveToDelayed(Date.now() + exit.delayMs, token);
      await exit.afterwards?.();
      throw new DelayedError(exit.reason);
    case "waiting":
      await job.moveToWait(token);
      throw new WaitingError(exit.reason);
    case "children":
      if (token !== undefined && (await job.moveToWaitingChildren(token)))
        throw new WaitingChildrenError();
      return leave(job, token, await exit.otherwise());
    case "retry":
      throw new RetryLater(exit.error, exit.pauseMs);
  }
}

/**
 * How BullMQ hears of an ending that is written: failed steps show as failed in Bull Board, everything
 * else as completed.
 */
function finish({ state, reason, error }: StepRecord): Finished {
  if (state === "failed")
    throw new UnrecoverableError(`${error?.code ?? "internal_error"}: ${error?.message ?? ""}`);
  return reason === undefined ? { state } : { state, reason };
}
