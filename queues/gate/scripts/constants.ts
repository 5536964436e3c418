import type { Target } from "../../../config/index.ts";

/** Constants of the gate. docs/gate.md has their sources and reasons. */

/**
 * A grant that was pushed to a process is taken back if the process does not come for it in this time. Milliseconds.
 */
export const OFFER_MS = 1_000;
/**
 * Neighbors of calls never reduce a machine below this share of its capacity. The kernel gives each its part, and
 * holding everything back helps nobody. Memory is not given back, so its floor is low.
 */
export const FLOOR_SHARE = 0.5;
export const MEMORY_FLOOR_SHARE = 0.1;
/**
 * A machine is kept free for a big job once its tool has waited this long, or three times its service time if that is
 * longer. Milliseconds.
 */
export const STARVED_MS = 3_000;
/** A job that needs a larger share of a machine than this is big. Smaller ones get their turn without help. */
export const BIG_SHARE = 0.3;
/** A drained machine is open to all again if the big job has not come in this time. Milliseconds. */
export const DRAIN_MS = 30_000;
/**
 * A job that has waited this long ranks as the next more urgent class of its tenant; after twice as long, as the one
 * after that. So nobody starves behind urgent work that never ends. Milliseconds.
 */
export const AGE_MS = 60_000;
/**
 * The order of equally urgent runs of a tenant, by target: somebody waits for it, it should be done soon, it must not
 * fail, everything else, it should keep machines busy, it can be done at any time.
 */
export const TARGETS_FIRST_TO_LAST = [
  "user_experience",
  "performance",
  "reliability",
  "balanced",
  "efficiency",
  "cost",
] as const satisfies readonly Target[];
/**
 * A run goes before runs of the next target that began up to this many runs earlier. That is more than are at work at
 * once by default, but few enough that an old run does not wait behind everything new. Runs.
 */
export const TARGET_LEAD_RUNS = 12;
/**
 * How long it counts as known that nobody else waits beside a queue. Longer than permits are handed on without the
 * gate. Milliseconds.
 */
export const ALONE_MS = 1_000;
/**
 * Turns at a queue, a budget or a machine are forgotten after no two tenants have met there for this long.
 * Milliseconds.
 */
export const TURNS_KEPT_MS = 60_000;
/** How many tenants of a queue are compared for one call. If there are more, the next calls compare the others. */
export const TENANTS_COMPARED = 64;
/**
 * A call reaches its service some time after the gate let it through, and the window must hold at the service. Until
 * the call ends, it counts as if it arrived this much later: this share of the window, within bounds. Milliseconds.
 */
export const GUARD_SHARE = 0.1;
export const GUARD_MIN_MS = 10;
export const GUARD_MAX_MS = 250;
/** A process's declaration counts for this long after the last sign of life. Milliseconds. */
export const DECLARED_MS = 15_000;
/**
 * If no process gave a sign of life for that long, the others may come back within this time after the first.
 * Milliseconds.
 */
export const RETURN_MS = 7_500;
/** Message to all processes that the combined declaration has changed. */
export const DECLARED_MESSAGE = "!declared";
/** A process gives a sign of life at least this often. Milliseconds. */
export const SIGN_OF_LIFE_MS = 5_000;
/** Failures in a row after which a machine reports a tool as down. */
export const BREAKER_FAILURES = 5;
/** How long an open breaker lets nothing through. Milliseconds. */
export const BREAKER_OPEN_MS = 60_000;
/** Calls that a half-open breaker lets through at once. As many must succeed to close it. */
export const BREAKER_PROBES = 3;
/** Machines that called a tool within this time vote on its breaker. Milliseconds. */
export const BREAKER_QUORUM_MS = 60_000;
/** Pause after a 429 that names none. It doubles with each 429 in a row, up to the maximum. Milliseconds. */
export const COOL_DOWN_MS = 1_000;
export const COOL_DOWN_MAX_MS = 60_000;
/** A ramp ends after this time even if it has not reached its goal. Milliseconds. */
export const RAMP_MS = 30_000;
/** Number of calls in the mean service time of a tool. */
export const SERVICE_WINDOW = 20;
/** Marks of jobs that will not call their tool expire after this time. Milliseconds. */
export const PASS_MS = 7 * 86_400_000;
/** Assumed duration of a call before any was measured, if its tool states none. Milliseconds. */
export const DEFAULT_SERVICE_MS = 1_000;
/** Smallest share of a machine that a call counts as in the demand of a run. */
export const MIN_SHARE = 0.05;
/** Ended calls kept for learning until the next pass. */
export const SAMPLES_KEPT = 5_000;
/** More calls of a tool at once than this is a counting error. */
export const MOST_BESIDE = 100_000;
/** Changes of the level that are kept. */
export const AUDIT_KEPT = 1_000;
/** Levels, best first: all tools, without the optional ones, only the critical ones. */
export const LEVELS = ["normal", "reduced", "minimal"] as const;
/** When a tool is refused, this many jobs of its queue are searched for those that need not wait. */
export const YIELD_SCAN = 500;

/**
 * Operations that single calls ask of the gate. They read and change only single numbers and have a script of their own
 * (calls.lua).
 */
export const OF_CALLS = {
  acquire: 1,
  swap: 1,
  ended: 1,
  handed: 1,
  amend: 1,
  stamp: 1,
  report: 1,
  arrange: 1,
} as const;
