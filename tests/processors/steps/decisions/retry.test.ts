import { assert, constantFrom, double, integer, property } from "fast-check";
import { describe, expect, it } from "vitest";

import { TuttiError } from "../../../../config/index.ts";
import {
  askedPauseMs,
  isRetryable,
  pauseMs,
} from "../../../../processors/steps/decisions/retry.ts";
import type { RetryPolicy } from "../../../../queues/index.ts";

const policy = (more: Partial<RetryPolicy> = {}): RetryPolicy => ({
  maxAttempts: 10,
  backoff: "exponential",
  baseDelayMs: 1_000,
  maxDelayMs: 30_000,
  jitter: false,
  ...more,
});
const pauses = (more: Partial<RetryPolicy>, random = () => 0) =>
  [1, 2, 3, 6, 100].map((attempts) => pauseMs(policy(more), attempts, 0, random));

describe("the pause before another attempt", () => {
  it.each([
    ["exponential", [1_000, 2_000, 4_000, 30_000, 30_000]],
    ["linear", [1_000, 2_000, 3_000, 6_000, 30_000]],
    ["fixed", [1_000, 1_000, 1_000, 1_000, 1_000]],
  ] as const)("grows: %s", (backoff, expected) => {
    expect(pauses({ backoff })).toEqual(expected);
  });

  it("lies in the second half of itself with jitter", () => {
    expect(pauses({ jitter: true, backoff: "fixed" }, () => 0)[0]).toBe(500);
    expect(pauses({ jitter: true, backoff: "fixed" }, () => 0.999_999)[0]).toBe(1_000);
    expect(pauses({ jitter: false, backoff: "fixed" }, () => 0.3)[0]).toBe(1_000);
  });

  it("is never above the maximum nor below what the tool asked for", () => {
    assert(
      property(
        constantFrom("exponential", "linear", "fixed"),
        integer({ min: 0, max: 100_000 }),
        integer({ min: 0, max: 100_000 }),
        integer({ min: 1, max: 1_000 }),
        double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        integer({ min: 0, max: 200_000 }),
        (backoff, baseDelayMs, maxDelayMs, attempts, random, asked) => {
          const chosen = policy({ backoff, baseDelayMs, maxDelayMs, jitter: true });
          const pause = pauseMs(chosen, attempts, asked, () => random);
          expect(pause).toBeGreaterThanOrEqual(asked);
          expect(pause).toBeLessThanOrEqual(Math.max(asked, maxDelayMs));
          expect(Number.isInteger(pause)).toBe(true);
        },
      ),
    );
  });

  it("reads what the tool asked for out of the error", () => {
    const asked = (retryAfterMs: unknown) =>
      askedPauseMs(new TuttiError("tool_unavailable", "", { details: { retryAfterMs } }));
    expect([asked(5), asked("5"), asked(-1), askedPauseMs("x")]).toEqual([5, 0, 0, 0]);
  });

  it("is worth it for passing faults only", () => {
    expect(isRetryable(new TuttiError("tool_timeout", ""))).toBe(true);
    expect(isRetryable(new TuttiError("tool_denied", ""))).toBe(false);
    expect(isRetryable(new Error("anything"))).toBe(true);
  });
});
