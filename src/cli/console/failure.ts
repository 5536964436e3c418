import { CommanderError } from "commander";

import {
  ERROR_CODES,
  type ErrorCode,
  isTuttiError,
  type Issue,
  messageOf,
  ValidationError,
} from "../../../config/index.ts";
import { EXIT } from "./exit.ts";

/** Codes whose HTTP status says "server", although whoever typed the command can put them right. */
const REFUSED: ReadonlySet<ErrorCode> = new Set([
  "address_refused",
  "catalogue_invalid",
  "config_invalid",
  "incomplete_tool_registry",
]);

/** The one place where an error becomes an exit code. */
export function exitCodeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT.refused;
  if (thrown instanceof Error && thrown.name === "AbortError") return EXIT.interrupted;
  if (!isTuttiError(thrown)) return EXIT.failed;
  const { code } = thrown;
  if (code === "redis_unavailable" || code === "redis_not_found") return EXIT.unreachable;
  const { status } = ERROR_CODES[code];
  return REFUSED.has(code) || (status >= 400 && status < 500) ? EXIT.refused : EXIT.failed;
}

/** An issue as editors and terminals link it: `file:line:column: message (did you mean x?)`. */
export function issueLine(issue: Issue, file = ""): string {
  const { position, path, suggestion } = issue;
  const place =
    position === undefined
      ? [file, path.join(".")].filter((part) => part !== "").join(": ")
      : `${position.file}:${position.line}:${position.column}`;
  const hint = suggestion === undefined ? "" : ` (did you mean ${JSON.stringify(suggestion)}?)`;
  return `${place === "" ? "" : `${place}: `}${issue.message}${hint}`;
}

/** What a person reads when a command fails; empty when everything has been said already. */
export function failureLines(thrown: unknown): string[] {
  // Commander has written its own message by now.
  if (thrown instanceof CommanderError) return [];
  if (thrown instanceof ValidationError) return thrown.issues.map((issue) => issueLine(issue));
  if (isTuttiError(thrown)) return [`${thrown.code}: ${thrown.message}`];
  if (thrown instanceof Error && thrown.name === "AbortError") return ["interrupted"];
  return [thrown instanceof Error ? (thrown.stack ?? thrown.message) : messageOf(thrown)];
}
