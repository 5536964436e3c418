/** What the calls of a step come to when nobody stops them. */
import { isRetryable } from "./policy.ts";
import type { Rules } from "./rules.ts";
import type { Action, Step } from "./words.ts";

export interface Course {
  /** `endless`: the last call ends only when it is aborted. */
  readonly outcome: "completed" | "failed" | "endless";
  readonly calls: number;
  /** Calls that used up an attempt. */
  readonly attempts: number;
  readonly code?: string;
}

/** `busy` answers that a step takes without losing an attempt. */
const RATE_LIMITED_TIMES = 1_000;
const DEFAULT_ATTEMPTS = 4;

function attemptsOf(step: Step): number {
  return step.retry?.maxAttempts ?? (step.tool === "effect" ? 1 : DEFAULT_ATTEMPTS);
}

/** @param actions What the calls do, of the step or of an item. */
export function courseOf(step: Step, actions: readonly Action[], rules: Rules): Course {
  const most = attemptsOf(step);
  const patient = rules.rateLimitCostsNothing;
  let attempts = 0;
  let pauses = 0;
  for (let calls = 1; ; calls++) {
    const action = actions[Math.min(calls, actions.length) - 1] ?? { do: "return", turns: 0 };
    if (action.do === "busy" && patient && pauses < RATE_LIMITED_TIMES) {
      pauses++;
      continue;
    }
    attempts++;
    const code = codeOf(action, step);
    if (code === "endless") return { outcome: "endless", calls, attempts };
    if (code === undefined) return { outcome: "completed", calls, attempts };
    if (!isRetryable(code) || attempts >= most) return { outcome: "failed", calls, attempts, code };
  }
}

/** Checks of what was returned are written out: nothing but `true` or `false`. */
const holds = ({ postconditions = [] }: Step): boolean =>
  !postconditions.some((one) => typeof one !== "string" && one.check === "false");

function codeOf(action: Action, step: Step): string | undefined {
  switch (action.do) {
    case "return":
    case "heedless":
      return holds(step) ? undefined : "postcondition_failed";
    case "fail":
      return action.code;
    case "busy":
      return "tool_unavailable";
    case "hang":
      return step.timeoutMs === undefined ? "endless" : "tool_timeout";
  }
}

/** How a compensation goes: it is retried like a step, under no policy. */
export function compensationCourse(
  { id, compensate }: Step,
  actions: readonly Action[],
  rules: Rules,
): Course {
  const { tool = "probe", retry: asked } = compensate ?? {};
  const retry = rules.compensationRetries ? asked : { maxAttempts: 1 };
  return courseOf({ id, tool, ...(retry === undefined ? {} : { retry }) }, actions, rules);
}
