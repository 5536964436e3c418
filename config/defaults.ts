/** Longest time of one tool call. Milliseconds. */
export const STEP_TIMEOUT_MS = 300_000;
/** Longest time of a run, counted from its admission. Milliseconds. */
export const RUN_TIMEOUT_MS = 600_000;
/** All calls of a step, the first included. Tools that are not idempotent get 1, unless the step says otherwise. */
export const MAX_ATTEMPTS = 4;
/** First and longest pause between two attempts. Milliseconds. */
export const RETRY_BASE_DELAY_MS = 1_000;
export const RETRY_MAX_DELAY_MS = 30_000;
/** How long a worker may be silent before its jobs go to another. Milliseconds. */
export const LOCK_DURATION_MS = 30_000;
/**
 * The same for jobs that only join and promote, which may safely run twice. Renewed at half of it: a worker that is
 * overloaded for some seconds must not be taken for dead, least of all by itself. Milliseconds.
 */
export const CONTROL_LOCK_DURATION_MS = 15_000;
/**
 * How often to look for jobs whose worker has fallen silent. Shorter locks are checked as often as they last.
 * Milliseconds.
 */
export const STALLED_INTERVAL_MS = 5_000;
/** A step whose worker died this often ends as `worker_lost`: it probably kills its workers. */
export const MAX_WORKER_LOSSES = 3;
/** Raises BullMQ's own bound so that it does not interfere with Tutti's. */
export const MAX_STALLED_COUNT = 100;
/** Larger values are stored outside the run's record, by reference. Bytes. */
export const INLINE_VALUE_BYTES = 256_000;
/** Larger values are refused. Bytes. */
export const MAX_VALUE_BYTES = 16_000_000;
/** Largest workflow document. Bytes. */
export const MAX_DOCUMENT_BYTES = 5_000_000;
/** Steps of all expressions of one template together. A step takes some 50 to 100 ns. */
export const MAX_EXPRESSION_STEPS = 1_000_000;
/** Output of all expressions of one template together, and longest intermediate text. Bytes. */
export const MAX_EXPRESSION_BYTES = 2 * MAX_VALUE_BYTES;
/** Steps of one check of a value against a JSON Schema. A step takes some 10 to 40 ns. */
export const MAX_SCHEMA_STEPS = 10_000_000;
/** Schemas inside one JSON Schema, itself included. Each takes some 0.2 ms to compile. */
export const MAX_SCHEMAS = 1_000;
/** Time of one check in patterns that a linear engine cannot express. Milliseconds. */
export const MAX_PATTERN_MS = 250;
/** Larger trees of jobs are added in batches of this size. */
export const ENQUEUE_BATCH_JOBS = 1_000;
/** forEach items that wait or run at once, unless `maxParallel` says otherwise. */
export const FOR_EACH_PARALLEL = 50;
/** Finished runs kept per tenant, and for how long. */
export const RETAIN_RUNS = 1_000;
export const RETAIN_MS = 7 * 86_400_000;
/** Failed runs are kept longer, because somebody will ask. Milliseconds. */
export const RETAIN_FAILED_MS = 30 * 86_400_000;
/** A worker that could not reach Redis tries again after this time. Milliseconds. */
export const WORKER_RETRY_MS = 1_000;
/** Submitting fails with `redis_unavailable` after this time. Milliseconds. */
export const REDIS_DEADLINE_MS = 5_000;
/** Which acknowledged writes survive the loss of a Redis server; see docs/operations.md. */
export const DURABILITY_PROFILES = ["standard", "strict"] as const;
export type DurabilityProfile = (typeof DURABILITY_PROFILES)[number];
/** The longest pause that a service may ask for (Retry-After). Milliseconds. */
export const MAX_RETRY_AFTER_MS = 3_600_000;
/** How long a stopping worker waits for its running steps. Milliseconds. */
export const GRACE_MS = 30_000;
/** Runs of a tenant at work at the same time; the others wait for their turn. */
export const MAX_RUNNING_RUNS = 10;
/** Priority of a run without one; 1 to 10, 10 the most urgent. */
export const DEFAULT_PRIORITY = 5;
export const MAX_PRIORITY = 10;
/** Initial number of calls of a run that may be underway, in mode `adaptive`. */
export const ADAPTIVE_WIDTH = 16;
/** Deepest nesting of sub-workflows. */
export const MAX_DEPTH = 8;
/** How boldly a machine is filled. */
export const STRATEGY_NAMES = ["conservative", "balanced", "aggressive", "unlimited"] as const;
export type Strategy = (typeof STRATEGY_NAMES)[number];
export const DEFAULT_STRATEGY: Strategy = "balanced";
/**
 * How much of a machine may count as used, as a factor of its capacity by resource. `*` stands for all others, null for
 * no bound. Memory is never overcommitted: processes that do not fit are killed.
 */
export const STRATEGIES: Readonly<Record<Strategy, Readonly<Record<string, number | null>>>> = {
  conservative: { "*": 0.8 },
  balanced: { "*": 1 },
  aggressive: { "*": 1.15, memory: 1 },
  unlimited: { "*": null },
};

/** Prefix of every key in Redis. The hash tag keeps the keys of a deployment on one node of a cluster. */
export const DEFAULT_PREFIX = "{tutti}";
