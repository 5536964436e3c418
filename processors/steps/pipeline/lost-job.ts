import { ErrorCode } from "bullmq";

/** What BullMQ says of a job that is not this worker's any more. */
const LOST = new Set<unknown>([
  ErrorCode.JobNotExist,
  ErrorCode.JobLockNotExist,
  ErrorCode.JobNotInState,
  ErrorCode.JobLockMismatch,
]);

/**
 * Whether what was thrown says nothing of the step: its job is somebody else's by now, because its lock expired,
 * or Redis failed over to a replica that had not heard of this start.
 */
export function isJobLost(thrown: unknown): boolean {
  return thrown instanceof Error && "code" in thrown && LOST.has(thrown.code);
}
