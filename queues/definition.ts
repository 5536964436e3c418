import type { Json } from "../config/index.ts";

/** Version of {@link RunDefinition} and of the payloads; a worker refuses what it does not know. */
export const PAYLOAD_VERSION = 1;

/** When a step may start, seen from the outcomes of its dependencies. */
export type Join = "all" | "settled";

/** What a failed step does to the rest of its run. */
export type OnError = "fail_fast" | "resilient";

/** How often and how patiently a step is tried. */
export interface RetryPolicy {
  /** All calls, the first included. */
  readonly maxAttempts: number;
  readonly backoff: "exponential" | "linear" | "fixed";
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Spreads each pause over [half, whole] so that failed steps do not come back together. */
  readonly jitter: boolean;
}

/** A step, ready to run: every default filled in, every fact of the catalogue that decides its course copied. */
export interface StepDefinition {
  readonly tool: string;
  readonly name?: string;
  /** Input with expressions. */
  readonly with: Json;
  /** Every declared dependency: from `needs`, from references and from conditions. */
  readonly needs: readonly string[];
  readonly join: Join;
  readonly when?: string;
  readonly forEach?: { readonly items: string; readonly as: string; readonly maxParallel: number };
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  /** A failure of this step counts as success for its dependents and for the run. */
  readonly optional: boolean;
  /** Whether a call whose end is unknown may be made again. */
  readonly idempotent: boolean;
}

/** A workflow as it is kept for its runs: what workers read. A run keeps the one it started with. */
export interface RunDefinition {
  readonly version: typeof PAYLOAD_VERSION;
  readonly workflow: { readonly id: string; readonly name: string };
  /** Mode `sequential`: the order in which steps run, one after another, where the graph allows it. */
  readonly sequence?: readonly string[];
  readonly onError: OnError;
  readonly timeoutMs: number;
  readonly steps: Readonly<Record<string, StepDefinition>>;
  readonly output?: Json;
  readonly success: readonly string[];
}
