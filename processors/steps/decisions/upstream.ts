import { isTuttiError, type ErrorCode } from "../../../config/index.ts";
import type { CallEnd } from "../../../queues/worker.ts";
import { askedPauseMs } from "./retry.ts";

/**
 * What a failed call says about the service behind its tool. An asked pause or a 429 is no failure of
 * the service; a timeout, a connection that broke or a 5xx is one; any other answer shows that it is there.
 * An error that a function of ours threw without saying more tells nothing.
 */
export function endOfFailure(thrown: unknown): CallEnd {
  if (!isTuttiError(thrown)) return { class: "none" };
  const retryAfterMs = askedPauseMs(thrown);
  if (retryAfterMs > 0 || thrown.details["status"] === 429)
    return { class: "limited", retryAfterMs };
  if (BROKEN.has(thrown.code)) return { class: "down" };
  if (!ANSWERED.has(thrown.code)) return { class: "none" };
  return isServerError(thrown.details["status"]) ? { class: "down" } : { class: "ok" };
}

/** No answer, or one that says that there is nobody. */
const BROKEN: ReadonlySet<string> = new Set<ErrorCode>(["tool_timeout", "tool_unavailable"]);
/** An answer, though not a good one. */
const ANSWERED: ReadonlySet<string> = new Set<ErrorCode>([
  "tool_failed",
  "tool_output_invalid",
  "step_execution_failed",
]);

const isServerError = (status: unknown): boolean => typeof status === "number" && status >= 500;

/** Whether a call was sent away because there were too many. */
export function isLimited(thrown: unknown): boolean {
  return endOfFailure(thrown).class === "limited";
}
