import type { Call, Ending } from "../../../queues/worker.ts";
import { RunAborted } from "../active-calls.ts";
import { classify, type ErrorClass } from "../decisions/policy.ts";
import { askedPauseMs, isRetryable, pauseMs } from "../decisions/retry.ts";
import { isLimited } from "../decisions/upstream.ts";
import type { Found } from "../inputs.ts";
import type { Exit } from "../pipeline/exit.ts";
import { failure, stepError } from "../pipeline/failure.ts";
import { callGranted } from "../pipeline/granted.ts";
import { cancelled, type Work } from "./begin.ts";
import { fallBack, isAlternative, type HandOver } from "./fallback.ts";

/** Starts of a step after which a service that asks for pauses counts as failed. */
const MAX_RATE_LIMITED = 1_000;

/** What follows from a failed attempt: another one, the call of another tool, or the end of the step. */
export async function afterFailure(
  work: Work,
  attempts: number,
  thrown: unknown,
  { call: made, found }: { readonly call?: Call; readonly found: Found | undefined },
): Promise<Ending | Exit | HandOver> {
  const { engine, call, workflow, address, job } = work;
  if (call.signal.aborted && call.signal.reason instanceof RunAborted)
    return cancelled(call.signal.reason.abort, attempts);
  const error = stepError(thrown);
  const kind = classify(thrown, error.code);
  const { retry } = call;
  // A service that asks to be left alone has not failed, and nobody else calls it until it may be called
  // again: the step waits in its queue with them.
  const limited =
    made !== undefined && isLimited(thrown) && job.attemptsStarted <= MAX_RATE_LIMITED;
  const free = limited ? 1 : 0;
  // The calls before an alternative are not its own.
  const own = attempts - (job.data.alt?.before ?? 0);
  if (isRetryable(thrown) && own - free < retry.maxAttempts) {
    const answer = await engine.ledger.retry(address, attempts - free, error, made);
    await callGranted(engine, workflow.definition, job.data, answer.granted);
    if (answer.status === "abort")
      return { outcome: "cancelled", attempts, reason: "the run is being stopped" };
    if (limited) return { kind: "waiting", reason: "its service asked for a pause" };
    return {
      kind: "retry",
      error,
      pauseMs: pauseMs(retry, own, askedPauseMs(thrown), Math.random),
    };
  }
  // What failed before the tool was called is no call.
  const calls = made === undefined && error.code !== "effect_unknown" ? attempts - 1 : attempts;
  const callMade = made === undefined ? {} : { call: made };
  if (mayFallBack(kind, isAlternative(job))) {
    const next = await fallBack(work, { attempts: calls, error, found, ...callMade });
    if (next !== null) return next;
  }
  return { ...failure(work, error, { attempts: calls, kind }), ...callMade };
}

/**
 * Another way helps when nobody answered. Not for an input that is wrong, which is wrong for others too,
 * though an alternative may be the one that does not take it; and not where a call may have had its effect.
 */
const mayFallBack = (kind: ErrorClass, isOther: boolean): boolean =>
  kind !== "unknown" && (isOther || kind !== "invalid");
