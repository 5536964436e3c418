import { expect, test } from "vitest";

import { TuttiError, type ErrorCode } from "../../../../config/index.ts";
import { endOfFailure } from "../../../../processors/steps/decisions/upstream.ts";

const failure = (code: ErrorCode, details = {}) => new TuttiError(code, "it failed", { details });

test.each([
  ["a plain error, which may be a fault of the input", new Error("it failed"), "none"],
  ["a function that knows its service is away", failure("tool_unavailable"), "down"],
  ["a function that tells a status", failure("step_execution_failed", { status: 500 }), "down"],
  ["a timeout", failure("tool_timeout"), "down"],
  ["an answer that says no", failure("tool_failed", { status: 404 }), "ok"],
  ["an answer that asks for a pause", failure("tool_unavailable", { retryAfterMs: 1 }), "limited"],
  ["a pause that is no time", failure("tool_unavailable", { retryAfterMs: Infinity }), "down"],
])("what the breaker hears of %s", (_, thrown, kind) => {
  expect(endOfFailure(thrown).class).toBe(kind);
});
