import type { Json, JsonObject } from "../../../config/index.ts";

/** What a tool is told about the call beside its input. */
export interface CallContext {
  readonly runId: string;
  readonly stepId: string;
  readonly tenant: string;
  readonly actor: string;
  /** Travels with every outgoing call. */
  readonly correlationId: string;
  /** 1 for the first call of the step. */
  readonly attempt: number;
  /** Aborted when the step's deadline passes, the run is cancelled or the worker is forced to stop. */
  readonly signal: AbortSignal;
  /**
   * The value of a secret. It exists in this process only.
   *
   * @throws TuttiError `secret_missing`.
   */
  readonly secret: (name: string) => string;
}

/** What a binding is told beside that. */
export interface BindingContext extends CallContext {
  /** A text without the secrets of the call. To be asked before a text is cut: a piece of a secret is not found any more. */
  readonly redact: (text: string) => string;
}

/** A tool that can be called. Every kind of binding keeps the promises of tests/processors/tools/bindings/contract.ts. */
export interface BoundTool {
  /** Whether the work may go on after its signal was aborted: then the caller must not wait for it. */
  readonly heedless?: boolean;
  /**
   * Calls the tool once. Settles soon after `context.signal` is aborted, leaving nothing running.
   *
   * @throws TuttiError: `tool_timeout`, `tool_unavailable` and `step_execution_failed` may be tried again;
   * `tool_failed`, `tool_denied`, `tool_output_invalid` and `secret_missing` may not.
   */
  call(input: JsonObject, context: BindingContext): Promise<Json>;
  /** Releases connections and processes. Calls that are still running are aborted. */
  close(): Promise<void>;
}

/** The user's or a built-in function behind an `in_process` binding. */
export type ToolHandler = (input: JsonObject, context: CallContext) => Promise<Json> | Json;
