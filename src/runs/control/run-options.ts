import { randomBytes } from "node:crypto";

import { quoted, MAX_PRIORITY, TuttiError, type JsonObject } from "../../../config/index.ts";
import { ID_PART_RULE, isIdPart, runIdOfKey, type Identity } from "../../../queues/client.ts";

/** How a run is asked for. */
export interface RunOptions {
  /** Input of the run; checked against the workflow's `inputs`. Default: {}. */
  readonly input?: JsonObject | undefined;
  /** Id of the run. Submitting the same again returns the run that is there. Default: a new one. */
  readonly runId?: string | undefined;
  /**
   * Makes the call repeatable without choosing a run id: the same key of the same tenant is the same run.
   * 1 to 255 characters.
   */
  readonly key?: string | undefined;
  /** Default: "default". */
  readonly tenant?: string | undefined;
  /** Who submits. Default: "unknown". */
  readonly actor?: string | undefined;
  /** Travels with every call of the run. Default: the run id. */
  readonly correlationId?: string | undefined;
  /** 1 to 10, 10 the most urgent. Default: what the workflow says. */
  readonly priority?: number | undefined;
}

export interface SubmitOptions extends RunOptions {
  /** What messages call the document, when it is text. */
  readonly file?: string;
}

export interface StartOptions extends RunOptions {
  /** The version to start. Default: the current one. */
  readonly hash?: string | undefined;
}

/** Longest key of an idempotent call. Characters. */
export const MAX_KEY_CHARS = 255;

/** The id of a run that is asked for, and who it belongs to. */
export function addressed(options: RunOptions): { runId: string; identity: Identity } {
  const { tenant = "default", actor = "unknown", key } = options;
  if (key !== undefined && options.runId !== undefined)
    throw new TuttiError("request_invalid", "expected a run id or a key, got: both");
  if (key !== undefined && (key.length === 0 || key.length > MAX_KEY_CHARS)) {
    throw new TuttiError(
      "request_invalid",
      `expected a key of 1 to ${MAX_KEY_CHARS} characters, got: ${key.length}`,
    );
  }
  const runId = options.runId ?? (key === undefined ? newRunId() : runIdOfKey(tenant, key));
  if (!isIdPart(runId)) {
    throw new TuttiError(
      "request_invalid",
      `expected a run id of ${ID_PART_RULE}, got: ${quoted(runId)}`,
    );
  }
  return { runId, identity: { tenant, actor, correlationId: options.correlationId ?? runId } };
}

/** @throws TuttiError `request_invalid`. */
export function checkedPriority(priority: number): number {
  if (Number.isInteger(priority) && priority >= 1 && priority <= MAX_PRIORITY) return priority;
  throw new TuttiError(
    "request_invalid",
    `expected a priority from 1 to ${MAX_PRIORITY}, got: ${JSON.stringify(priority)}`,
  );
}

/** Sortable by time, unique over all submitters. */
export function newRunId(): string {
  return `${Date.now().toString(36)}-${randomBytes(6).toString("hex")}`;
}

/** What is thrown when there is no run of this id. */
export function noRun(runId: string): TuttiError {
  return new TuttiError("run_not_found", `there is no run ${quoted(runId)}`);
}
