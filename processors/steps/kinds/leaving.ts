import { DelayedError, ErrorCode, WaitingError } from "bullmq";

import { HandedOver } from "./fallback.ts";

/** Ways out of a job that are no failure of its step. */
const ASIDE = [DelayedError, WaitingError, HandedOver];

/** What BullMQ says of a job that is not this worker's any more. */
const LOST = new Set<unknown>([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/**
 * Whether what was thrown says nothing of the step: its job was put aside, or is somebody else's by now, because
 * its lock expired, or Redis failed over to a replica that had not heard of this start.
 */
export function leavesJob(thrown: unknown): boolean {
  if (ASIDE.some((kind) => thrown instanceof kind)) return true;
  return thrown instanceof Error && "code" in thrown && LOST.has(thrown.code);
}
