import type { Json, Target } from "../config/index.ts";

/** Version of {@link RunDefinition} and of the payloads; a worker refuses what it does not know. */
export const PAYLOAD_VERSION = 3;

/** When a step may start, seen from the outcomes of its dependencies. */
type Join = "all" | "settled" | "any";

/** What a failed step does to the rest of its run. */
export type OnError = "fail_fast" | "resilient" | "recovery" | "adaptive";

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

/** What a call takes of a budget: so many of its slots, so many units of its rates. */
export type BudgetTake = readonly [name: string, slots: number, cost: number];

/** What the call of a step takes instead of what its tool says, name by name; all else is the tool's. */
export interface StepLimits {
  /** Millionths of one machine, by resource. */
  readonly needs?: Readonly<Record<string, number>>;
  readonly budgets?: readonly BudgetTake[];
}

/** How long results of a step's tool stand for its call. */
export interface CachePolicy {
  /** So long the tool is not called. Milliseconds. */
  readonly ttlMs: number;
  /** So long they are kept, for when the call fails. Milliseconds. */
  readonly staleMs: number;
  /** Version of the tool's contract. */
  readonly version: string;
}

/** A tool that may answer in the place of a step's own. */
interface Alternative {
  readonly tool: string;
  /** Its input with expressions, where it is not the step's. */
  readonly with?: Json;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  readonly idempotent: boolean;
}

/** What is tried when the call of a step has failed for good, in this order; then the step fails. */
export interface Fallback {
  readonly tools: readonly Alternative[];
  /** A kept result, however old, as far as it is kept. */
  readonly cache: boolean;
}

/** What the catalogue said of a tool when a workflow was prepared: its steps are checked by that, whatever a worker's says. */
export interface ToolTerms {
  /** JSON Schema of the input; left out where the tool takes any object. */
  readonly input?: Readonly<Record<string, unknown>>;
  /** JSON Schema of the output. */
  readonly output?: Readonly<Record<string, unknown>>;
  readonly effect: string;
  readonly idempotent: boolean;
}

/** A step, ready to run: every default filled in, every fact of the catalogue that decides its course copied. */
export interface StepDefinition {
  /** The tool it calls; a word for what it does instead when it calls none. */
  readonly tool: string;
  /** Its tool has limits per key. */
  readonly lane?: LaneRule;
  /** With `lane: step`: the key, an expression over the run's input. Default: the empty key. */
  readonly key?: string;
  readonly name?: string;
  /** Input with expressions. */
  readonly with: Json;
  /** Every declared dependency: from `needs`, from references and from conditions. */
  readonly needs: readonly string[];
  readonly join: Join;
  readonly when?: string;
  readonly forEach?: ForEach;
  readonly wait?: Wait;
  /** A step that is a run of this registered workflow. */
  readonly workflow?: string;
  readonly retry: RetryPolicy;
  /** Longest time of one call; of the wait or of the other workflow's run (0: as long as they take). */
  readonly timeoutMs: number;
  /** A failure of this step counts as success for its dependents and for the run. */
  readonly optional: boolean;
  /** Whether a call whose end is unknown may be made again. */
  readonly idempotent: boolean;
  /** What its call takes, where the step itself says so. */
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
  /** Its failures are failures for the workflow's policy too. */
  readonly escalate: boolean;
}

/** A workflow as it is kept for its runs: what workers read. A run keeps the one it started with. */
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
  /** How urgent its runs are, unless somebody says otherwise. Default: 5. */
  readonly priority?: number;
  /** What its runs aim at. Default: balanced. */
  readonly target?: Target;
  /** JSON Schema of the run's input. */
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly steps: Readonly<Record<string, StepDefinition>>;
  /** By tool that is called. A definition of an older version has none: workers go by their own catalogue then. */
  readonly terms?: Readonly<Record<string, ToolTerms>>;
  readonly output?: Json;
  readonly success: readonly string[];
  /** Events that steps of it wait for. */
  readonly listens?: readonly string[];
  /** Some step waits for somebody outside, so that the whole run may. */
  readonly parks?: boolean;
  /** Some step has a `key`; what they yield stands in the record. */
  readonly keyed?: boolean;
}

/**
 * Whether a step starts with the first of its dependencies that completes, instead of when all have ended. Where steps run one
 * after another, it comes behind all of them anyway.
 */
export function startsEarly({ steps, sequence }: RunDefinition, stepId: string): boolean {
  return sequence === undefined && steps[stepId]?.join === "any";
}
