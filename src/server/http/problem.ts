import { STATUS_CODES } from "node:http";

import {
  ERROR_CODES,
  type ErrorCode,
  isTuttiError,
  type Issue,
  TuttiError,
  ValidationError,
  given,
} from "../../../config/index.ts";
import { unavailable } from "../../../queues/client.ts";

/** RFC 9457 problem details with our stable code. `type` is `about:blank`: the code says which problem it is. */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly correlationId: string;
  readonly errors?: readonly ProblemPart[];
}

/** One of several things that are wrong with a request. */
export interface ProblemPart {
  readonly detail: string;
  readonly code: ErrorCode;
  /** Where in the body, as a JSON Pointer fragment (`#/workflow/steps/2`). */
  readonly pointer?: string;
  /** Which part of the address. */
  readonly parameter?: string;
  readonly suggestion?: string;
  /** Position in a workflow that was given as text, counted from 1. */
  readonly line?: number;
  readonly column?: number;
}

/** A request that does not fit its route's schemas. */
export class RequestError extends TuttiError {
  override readonly name = "RequestError";
  readonly parts: readonly ProblemPart[];

  constructor(message: string, parts: readonly ProblemPart[] = []) {
    super("request_invalid", message);
    this.parts = parts;
  }
}

/** A JSON Pointer as a URI fragment (RFC 6901, section 6). */
export function pointerTo(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (pointer, part) =>
      `${pointer}/${encodeURIComponent(String(part).replaceAll("~", "~0").replaceAll("/", "~1"))}`,
    "#",
  );
}

/** Documents and inputs are parts of the request's body, their issues count from their own roots. */
function pointerOf(issue: Issue): string {
  if (issue.code === "request_invalid") return pointerTo(issue.path);
  const root =
    issue.code === "input_invalid" || issue.code === "payload_too_large" ? "input" : "workflow";
  // `with` is the input of a step that runs again.
  const whole = issue.path[0] === root || (root === "input" && issue.path[0] === "with");
  return pointerTo(whole ? issue.path : [root, ...issue.path]);
}

function partOf(issue: Issue): ProblemPart {
  return {
    detail: issue.message,
    code: issue.code,
    pointer: pointerOf(issue),
    ...given({ suggestion: issue.suggestion }),
    ...(issue.position === undefined
      ? {}
      : { line: issue.position.line, column: issue.position.column }),
  };
}

/** Express and its body parser mark what the caller did wrong with a 4xx status. */
function callersFault(thrown: unknown): TuttiError | undefined {
  if (!(thrown instanceof Error) || !("status" in thrown)) return undefined;
  if (typeof thrown.status !== "number" || thrown.status < 400 || thrown.status > 499) {
    return undefined;
  }
  if (thrown.status === 413) {
    return new TuttiError("payload_too_large", "the request's body is too large");
  }
  const broken = "type" in thrown && thrown.type === "entity.parse.failed";
  return new RequestError(
    broken ? `expected the body to be JSON: ${thrown.message}` : thrown.message,
  );
}

/**
 * Whatever was thrown, as a problem. Only errors that are thrown on purpose are described to the
 * caller; for the rest the correlation id leads to the log.
 */
export function toProblem(thrown: unknown, correlationId: string): Problem {
  const known = unavailable(thrown);
  const error = isTuttiError(known) ? known : callersFault(thrown);
  const code: ErrorCode = error?.code ?? "internal_error";
  const status = statusOf(error, code);
  const parts = errorsOf(error);
  return {
    type: "about:blank",
    title: STATUS_CODES[status] ?? "Error",
    status,
    detail: error?.message ?? "something went wrong; the log has it under this correlation id",
    code,
    correlationId,
    ...(parts.length > 0 ? { errors: parts } : {}),
  };
}

/** `tool_not_found` inside a document says that the document is wrong, not that the address is. */
function statusOf(error: TuttiError | undefined, code: ErrorCode): number {
  const { status } = ERROR_CODES[code];
  return error instanceof ValidationError && status === 404 ? 422 : status;
}

function errorsOf(error: TuttiError | undefined): readonly ProblemPart[] {
  if (error instanceof ValidationError) return error.issues.map(partOf);
  return error instanceof RequestError ? error.parts : [];
}
