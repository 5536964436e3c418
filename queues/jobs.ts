import { TuttiError } from "../config/index.ts";
import { PAYLOAD_VERSION, type StepLimits } from "./definition.ts";
import type { RunAddress } from "./names.ts";

/** Who a run belongs to. Part of every payload, log line and outgoing call. */
export interface Identity {
  readonly tenant: string;
  readonly actor: string;
  readonly correlationId: string;
}

/** The fields of every job of a run. The run's record holds results and inputs. */
export interface RunJob extends Identity, RunAddress {
  readonly v: typeof PAYLOAD_VERSION;
  /** Content hash of the run's definition. */
  readonly hash: string;
}

/** One call of a tool. */
export interface StepJob extends RunJob {
  readonly stepId: string;
  /** Steps that wait for it, other than the parent of its job. */
  readonly links?: StepLinks;
  /** Its run ends with it, so the run has no job of its own. */
  readonly last?: true;
  /** Position in a forEach. */
  readonly item?: number;
  /** What its call takes in place of what its tool says. The gate reads it. */
  readonly take?: StepLimits;
  /** Its step is optional, so it need not wait for a tool that rests. The gate reads it. */
  readonly spare?: boolean;
  /** It has an alternative if its tool cannot be called, so it need not wait for that. The gate reads it. */
  readonly falls?: boolean;
  /** Its call has failed for good. From now on it only waits for its alternatives. */
  readonly handed?: HandedOn;
  /** It is the call of the n-th alternative, counted from 1, after `before` calls of others. */
  readonly alt?: { readonly n: number; readonly before: number };
  /** It undoes the call instead of making it. */
  readonly undo?: boolean;
}

/** The links of a step: the queue of its own job, and the steps that wait for it, each with its queue. */
export interface StepLinks {
  readonly from: string;
  readonly to: readonly (readonly [stepId: string, queue: string])[];
}

/** What a call that failed for good passes to the next alternative. */
export interface HandedOn {
  /** The alternative, counted from 1. */
  readonly n: number;
  /** Calls made so far, and why no more were made. */
  readonly attempts: number;
  readonly error: StepError;
}

/** The root of the jobs that undo a run. */
export interface UndoingJob extends RunJob {
  readonly undoing: true;
}

/**
 * Refuses a payload of another version: a new field may change the meaning of old ones.
 *
 * @throws TuttiError `payload_version`.
 */
export function assertPayload(job: { readonly v?: unknown }): void {
  if (job.v !== PAYLOAD_VERSION) {
    throw new TuttiError(
      "payload_version",
      `expected a payload of version ${PAYLOAD_VERSION}, got: ${JSON.stringify(job.v)}; see "Upgrades" in docs/operations.md`,
    );
  }
}

/** Why a step failed. */
export interface StepError {
  readonly code: string;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}
