import type { Json, ErrorCode } from "../../../config/index.ts";
import type { StepError } from "../../../queues/index.ts";

/** A step, or an item of a forEach as `<step>[i]`, that failed after its last attempt. */
export interface DeadLetterSummary {
  readonly runId: string;
  readonly step: string;
  readonly workflowId: string;
  readonly tool: string;
  readonly tenant: string;
  readonly error: StepError | null;
  /** Calls that were made. */
  readonly attempts: number;
  /** ISO 8601 with milliseconds. */
  readonly failedAt: string;
}

/** All that is known of it. */
export interface DeadLetterView extends DeadLetterSummary {
  /** The input of the step as the workflow writes it, or as it was given when the run was resumed. */
  readonly with: Json;
  /** The value that the step was called for, when it is an item. */
  readonly item?: Json;
  /** The run's input. */
  readonly input: Json;
  readonly actor: string;
  readonly correlationId: string;
}

/** What became of the dead letters of a run. */
export interface Replayed {
  readonly runId: string;
  /** Those that were looked at, by their name. */
  readonly letters: readonly string[];
  /** The steps that run again; empty when it was refused. */
  readonly steps: readonly string[];
  readonly epoch?: number;
  /** Why it was refused. */
  readonly refused?: { readonly code: ErrorCode; readonly message: string };
}

export interface DeadLetterPage {
  readonly letters: readonly DeadLetterSummary[];
  /** How many there are, on all pages. */
  readonly total: number;
}
