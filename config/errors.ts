import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";

/** One problem in user input. A {@link ValidationError} carries all of them. */
export interface Issue {
  readonly code: ErrorCode;
  /** The problem in one sentence: `expected X to be ..., got: ...`. */
  readonly message: string;
  /** Path in the document: `["steps", 2, "with", "path"]`. */
  readonly path: readonly (string | number)[];
  /** What was probably meant, such as the nearest known tool id. */
  readonly suggestion?: string;
  /** Position in the source text, counted from 1, if the text is known. */
  readonly position?: { readonly file: string; readonly line: number; readonly column: number };
}

/** Additional facts, as plain JSON. Never contains a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * The base class of all errors that Tutti throws on purpose. `code` is stable and listed in docs/errors.md; the message
 * is for people and may change.
 */
export class TuttiError extends Error {
  override readonly name: string = "TuttiError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(
    code: ErrorCode,
    message: string,
    options: { readonly details?: ErrorDetails; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  /** Whether trying the same thing again can help. A queue knows only two answers: again, or never. */
  get retryable(): boolean {
    return ERROR_CODES[this.code].family === "retryable";
  }

  /** The HTTP status for this error (RFC 9457). */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}

/** User input was refused. Carries every problem found, not only the first. */
export class ValidationError extends TuttiError {
  override readonly name = "ValidationError";
  readonly issues: readonly Issue[];

  constructor(issues: readonly Issue[]) {
    const [first] = issues;
    const more = issues.length > 1 ? ` (and ${issues.length - 1} more)` : "";
    super(first?.code ?? "document_invalid", `${first?.message ?? "invalid input"}${more}`, {
      details: { issues },
    });
    this.issues = issues;
  }
}

/** True for every error that Tutti throws on purpose, even if two copies of the package are loaded. */
export function isTuttiError(value: unknown): value is TuttiError {
  return (
    value instanceof Error &&
    "code" in value &&
    typeof value.code === "string" &&
    Object.hasOwn(ERROR_CODES, value.code)
  );
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === "string" ? thrown : JSON.stringify(thrown);
}
