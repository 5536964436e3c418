import { UnrecoverableError } from "bullmq";

import { isTuttiError, messageOf } from "../../../config/index.ts";
import type { StepError, StepRecord } from "../../../queues/index.ts";

/** What a job returns: state and reason only. Outputs stand in the run record. */
export interface Finished {
  readonly state: string;
  readonly reason?: string;
}

/**
 * How BullMQ hears of an ending that is written: failed steps show as failed in Bull Board, everything
 * else as completed.
 */
export function finish(record: StepRecord): Finished {
  if (record.state === "failed") {
    throw new UnrecoverableError(
      `${record.error?.code ?? "internal_error"}: ${record.error?.message ?? ""}`,
    );
  }
  return record.reason === undefined
    ? { state: record.state }
    : { state: record.state, reason: record.reason };
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

/** Longest message and details that are kept of an error. Characters. */
const MAX_MESSAGE = 2_000;
const MAX_DETAILS = 8_000;

/** Anything that was thrown, as it stands in the record. */
export function stepError(thrown: unknown): StepError {
  const message = messageOf(thrown).slice(0, MAX_MESSAGE);
  if (!isTuttiError(thrown)) return { code: "step_execution_failed", message };
  if (Object.keys(thrown.details).length === 0) return { code: thrown.code, message };
  const details = JSON.stringify(thrown.details);
  return details.length > MAX_DETAILS
    ? { code: thrown.code, message }
    : { code: thrown.code, message, details: thrown.details };
}
