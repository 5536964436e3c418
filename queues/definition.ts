import type { Json, Target } from "../config/index.ts";

/** Version of {@link RunDefinition} and of the payloads. A worker refuses versions that it does not know. */
export const PAYLOAD_VERSION = 3;

/** When a step may start, given the outcomes of its dependencies. */
type Join = "all" | "settled" | "any";

/** What a failed step does to the rest of its run. */
export type OnError = "fail_fast" | "resilient" | "recovery" | "adaptive";

/** How often and at which intervals a step is tried. */
export interface RetryPolicy {
  /** All calls, the first included. */
  readonly maxAttempts: number;
  readonly backoff: "exponential" | "linear" | "fixed";
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Spreads each pause over [half, whole], so that failed steps do not come back together. */
  readonly jitter: boolean;
}

/** A condition with a name, an expression that decides whether it holds, or both. */
export interface Condition {
  readonly name?: string;
  readonly check?: string;
  /** Preconditions by name: the steps that establish it. */
  readonly by?: readonly string[];
  /** Preconditions by name: the run's input may establish it too. */
  readonly input?: boolean;
}

/** A step that waits for somebody outside. */
export type Wait =
  | { readonly kind: "approval"; readonly message: string }
  | { readonly kind: "timer"; readonly ms: Json }
  | { readonly kind: "event"; readonly name: string };

/** Where the calls of a tool with limits per key wait: in the lane of the tenant, or of the step's key. */
export type LaneRule = "tenant" | "step";

/** How a completed call is undone. */
interface Compensation {
  readonly tool: string;
  readonly lane?: LaneRule;
  readonly with: Json;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly idempotent: boolean;
}

/** What a call takes of a budget: a number of slots, and units of its rates. */
export type BudgetTake = readonly [name: string, slots: number, cost: number];

/** What the call of a step takes, overriding its tool name by name. Everything else is the tool's. */
export interface StepLimits {
  /** Millionths of one machine, by resource. */
  readonly needs?: Readonly<Record<string, number>>;
  readonly budgets?: readonly BudgetTake[];
}

/** How long results of a step's tool replace its call. */
export interface CachePolicy {
  /** For this long the tool is not called. Milliseconds. */
  readonly ttlMs: number;
  /** For this long results are kept, in case the call fails. Milliseconds. */
  readonly staleMs: number;
  /** Version of the tool's contract. */
  readonly version: string;
}

/** A tool that may answer in place of a step's own. */
interface Alternative {
  readonly tool: string;
  /** Its input with expressions, if it differs from the step's. */
  readonly with?: Json;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly idempotent: boolean;
}

/** What to try, in this order, when the call of a step has failed for good. After that the step fails. */
export interface Fallback {
  readonly tools: readonly Alternative[];
  /** A kept result of any age. */
  readonly cache: boolean;
}

/**
 * The catalogue's terms of a tool when a workflow was prepared. Its steps are checked against them, whatever a worker's
 * catalogue says.
 */
export interface ToolTerms {
  /** JSON Schema of the input; left out if the tool takes any object. */
  readonly input?: Readonly<Record<string, unknown>>;
  /** JSON Schema of the output. */
  readonly output?: Readonly<Record<string, unknown>>;
  readonly effect: string;
  readonly idempotent: boolean;
}

/** A step, ready to run: all defaults filled in, and all facts of the catalogue that affect its course copied. */
export interface StepDefinition {
  /** The tool it calls, or a word for what it does instead. */
  readonly tool: string;
  /** Its tool has limits per key. */
  readonly lane?: LaneRule;
  /** With `lane: step`: the key, an expression over the run's input. Default: the empty key. */
  readonly key?: string;
  readonly name?: string;
  /** Input with expressions. */
  readonly with: Json;
  /** All declared dependencies: from `needs`, from references and from conditions. */
  readonly needs: readonly string[];
  readonly join: Join;
  readonly when?: string;
  readonly forEach?: ForEach;
  readonly wait?: Wait;
  /** The registered workflow whose run is this step. */
  readonly workflow?: string;
  readonly retry: RetryPolicy;
  /** Longest time of one call; of the wait or of the other workflow's run (0: no limit). */
  readonly timeoutMs: number;
  /** For its dependents and the run, a failure of this step counts as success. */
  readonly optional: boolean;
  /** Whether a call with an unknown outcome may be made again. */
  readonly idempotent: boolean;
  /** What its call takes, if the step says so itself. */
  readonly limits?: StepLimits;
  readonly cache?: CachePolicy;
  readonly fallback?: Fallback;
  readonly group?: string;
  readonly onError?: OnError;
  readonly compensate?: Compensation;
  readonly preconditions?: readonly Condition[];
  readonly postconditions?: readonly Condition[];
}

/** A step that calls its tool for every item of a list. */
export interface ForEach {
  readonly items: string;
  readonly as: string;
  readonly maxParallel: number;
  /** Mode `pipeline`: the stage whose items this one takes as they come. */
  readonly streams?: string;
  /** Mode `pipeline`: the stage that takes the items of this one as they come. */
  readonly feeds?: string;
}

/** Steps with an error policy of their own. */
interface GroupDefinition {
  readonly onError?: OnError;
  /** Its failures do not count for the run. */
  readonly optional: boolean;
  /** The workflow's policy also sees its failures. */
  readonly escalate: boolean;
}

/** A workflow as stored for its runs and read by workers. A run keeps the one it started with. */
export interface RunDefinition {
  readonly version: typeof PAYLOAD_VERSION;
  readonly workflow: { readonly id: string; readonly name: string };
  /** Mode `sequential`: the order in which steps run, one after another, where the graph allows it. */
  readonly sequence?: readonly string[];
  /** Mode `adaptive`: how many calls may be underway at first. */
  readonly width?: number;
  readonly onError: OnError;
  readonly groups?: Readonly<Record<string, GroupDefinition>>;
  readonly timeoutMs: number;
  /** Urgency of its runs, unless the submission names one. Default: 5. */
  readonly priority?: number;
  /** What its runs aim at. Default: balanced. */
  readonly target?: Target;
  /** JSON Schema of the run's input. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly steps: Readonly<Record<string, StepDefinition>>;
  /** By called tool. Definitions of older versions have none; workers then use their own catalogue. */
  readonly terms?: Readonly<Record<string, ToolTerms>>;
  readonly output?: Json;
  readonly success: readonly string[];
  /** Events that its steps wait for. */
  readonly listens?: readonly string[];
  /** Some step waits for somebody outside, so the whole run may wait. */
  readonly parks?: boolean;
  /** Some step has a `key`; the record holds the values. */
  readonly keyed?: boolean;
}

/**
 * Whether a step starts with the first of its dependencies that completes, instead of after all have ended. In a
 * sequence it comes after all of them anyway.
 */
export function startsEarly({ steps, sequence }: RunDefinition, stepId: string): boolean {
  return sequence === undefined && steps[stepId]?.join === "any";
}
