/**
 * Every error code of Tutti. This table is the single source of truth: a test compares docs/errors.md with it, and HTTP
 * statuses and retry decisions come from it.
 *
 * family: `terminal` = trying again cannot help, `retryable` = it may.
 * status: the HTTP answer (RFC 9457 problem details).
 */
export const ERROR_CODES = {
  // --- the document ------------------------------------------------------------------------
  document_invalid: { family: "terminal", status: 422 },
  document_too_large: { family: "terminal", status: 413 },
  document_syntax: { family: "terminal", status: 422 },
  duplicate_step: { family: "terminal", status: 422 },
  unknown_step: { family: "terminal", status: 422 },
  workflow_cycle: { family: "terminal", status: 422 },
  expression_invalid: { family: "terminal", status: 422 },
  precondition_failed: { family: "terminal", status: 422 },
  not_supported: { family: "terminal", status: 422 },
  step_exceeds_capacity: { family: "terminal", status: 422 },
  // --- the input and the run ---------------------------------------------------------------
  input_invalid: { family: "terminal", status: 422 },
  payload_too_large: { family: "terminal", status: 413 },
  work_limit_exceeded: { family: "terminal", status: 422 },
  run_not_found: { family: "terminal", status: 404 },
  run_conflict: { family: "terminal", status: 409 },
  queue_full: { family: "retryable", status: 503 },
  resume_refused: { family: "terminal", status: 409 },
  state_conflict: { family: "terminal", status: 409 },
  dead_letter_not_found: { family: "terminal", status: 404 },
  adjustment_not_found: { family: "terminal", status: 404 },
  optimizer_inactive: { family: "terminal", status: 409 },
  nothing_recorded: { family: "retryable", status: 409 },
  decision_late: { family: "terminal", status: 409 },
  workflow_not_found: { family: "terminal", status: 404 },
  schedule_not_found: { family: "terminal", status: 404 },
  trigger_not_found: { family: "terminal", status: 404 },
  // --- the catalogue -----------------------------------------------------------------------
  catalogue_invalid: { family: "terminal", status: 500 },
  config_invalid: { family: "terminal", status: 500 },
  tool_not_found: { family: "terminal", status: 404 },
  budget_not_found: { family: "terminal", status: 404 },
  tool_not_bound: { family: "terminal", status: 422 },
  incomplete_tool_registry: { family: "terminal", status: 500 },
  // --- a step ------------------------------------------------------------------------------
  step_execution_failed: { family: "retryable", status: 502 },
  tool_failed: { family: "terminal", status: 502 },
  tool_timeout: { family: "retryable", status: 504 },
  tool_unavailable: { family: "retryable", status: 503 },
  tool_output_invalid: { family: "terminal", status: 502 },
  tool_denied: { family: "terminal", status: 403 },
  reference_missing: { family: "terminal", status: 422 },
  secret_missing: { family: "terminal", status: 500 },
  postcondition_failed: { family: "terminal", status: 422 },
  approval_rejected: { family: "terminal", status: 409 },
  wait_timed_out: { family: "terminal", status: 504 },
  sub_run_failed: { family: "terminal", status: 502 },
  compensation_failed: { family: "terminal", status: 500 },
  effect_unknown: { family: "terminal", status: 500 },
  worker_lost: { family: "terminal", status: 500 },
  // --- the service -------------------------------------------------------------------------
  redis_unavailable: { family: "retryable", status: 503 },
  redis_not_found: { family: "terminal", status: 500 },
  address_refused: { family: "terminal", status: 500 },
  payload_version: { family: "terminal", status: 500 },
  version_mismatch: { family: "terminal", status: 500 },
  timed_out: { family: "retryable", status: 504 },
  request_invalid: { family: "terminal", status: 400 },
  not_found: { family: "terminal", status: 404 },
  internal_error: { family: "terminal", status: 500 },
} as const satisfies Record<
  string,
  { readonly family: "terminal" | "retryable"; readonly status: number }
>;

/** A stable code of {@link ERROR_CODES}. */
export type ErrorCode = keyof typeof ERROR_CODES;
