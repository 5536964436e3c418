import { isTuttiError } from "../../../config/index.ts";
import type { RetryPolicy } from "../../../queues/index.ts";

/**
 * The pause after the `attempts`-th call failed. Milliseconds.
 *
 * exponential: base * 2^(attempts-1); linear: base * attempts; fixed: base; never above the maximum.
 * With jitter the pause is spread over its second half. A time the tool asked for is kept at least.
 */
export function pauseMs(
  policy: RetryPolicy,
  attempts: number,
  askedMs: number,
  random: () => number,
): number {
  const factor =
    policy.backoff === "exponential"
      ? 2 ** Math.min(attempts - 1, 40)
      : policy.backoff === "linear"
        ? attempts
        : 1;
  const whole = Math.min(policy.baseDelayMs * factor, policy.maxDelayMs);
  const spread = policy.jitter ? whole * (0.5 + random() / 2) : whole;
  return Math.round(Math.max(spread, askedMs));
}

/** How long the tool itself asked to be left alone (Retry-After). Milliseconds; 0 when it did not. */
export function askedPauseMs(thrown: unknown): number {
  const asked = isTuttiError(thrown) ? thrown.details["retryAfterMs"] : undefined;
  return typeof asked === "number" && asked > 0 && Number.isFinite(asked) ? asked : 0;
}

/** Whether calling again can help. What is not ours is a bug or a passing fault of a handler: it may. */
export function isRetryable(thrown: unknown): boolean {
  return !isTuttiError(thrown) || thrown.retryable;
}
