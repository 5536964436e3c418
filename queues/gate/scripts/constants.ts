import type { Target } from "../../../config/index.ts";

/** What the gate is built with; sources and reasons are in docs/gate.md. */

/** A grant that was pushed to a process is taken back when the process has not come for it. Milliseconds. */
export const OFFER_MS = 1_000;
/**
 * Neighbors never take more of a machine from its calls than leaves them this share of its capacity: the kernel gives each
 * its part, and what is held back entirely helps nobody. Memory is not given back, so that little is left of it.
 */
export const FLOOR_SHARE = 0.5;
export const MEMORY_FLOOR_SHARE = 0.1;
/** A machine is kept free for a big job whose tool has waited this long, or three times its service time. Milliseconds. */
export const STARVED_MS = 3_000;
/** Share of a machine above which a job is big: small ones get their turn without help. */
export const BIG_SHARE = 0.3;
/** A drained machine goes back to all when the big job has not come. Milliseconds. */
export const DRAIN_MS = 30_000;
/**
 * Who has waited this long goes like the next more urgent class of its tenant, after twice as long like the one after
 * that: nobody starves behind urgent work that never ends. Milliseconds.
 */
export const AGE_MS = 60_000;
/**
 * Of runs of a tenant that are equally urgent, which goes first by what it aims at: what somebody waits for, what wants to
 * be done soon, what must not fail, all else, what is not to be idle, what only has to be done at some time.
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
 * A run goes before those of the next target that began up to so many runs earlier: more than are at work at once, as
 * shipped, and not so many that a run which began long ago would wait behind all that comes. Runs.
 */
export const TARGET_LEAD_RUNS = 12;
/** That nobody else waits beside a queue is known for so long: longer than permits are handed on without the gate. Milliseconds. */
export const ALONE_MS = 1_000;
/** Turns at a queue, a budget or a machine are forgotten when no two tenants have met there for this long. Milliseconds. */
export const TURNS_KEPT_MS = 60_000;
/** Tenants of a queue that are compared for one call, one after another if there are more. */
export const TENANTS_COMPARED = 64;
/**
 * A call reaches its service some time after it was let through, and a window has to hold there. Until it
 * has ended it counts as if it came this much later: so much of the window, within bounds. Milliseconds.
 */
export const GUARD_SHARE = 0.1;
export const GUARD_MIN_MS = 10;
export const GUARD_MAX_MS = 250;
/** What the catalogue of a process declares counts as long as the process was heard of in this time. Milliseconds. */
export const DECLARED_MS = 15_000;
/** Where nobody was heard of for that long, those who come back in this time after the first still count. Milliseconds. */
export const RETURN_MS = 7_500;
/** Told to all processes when what the living declare together has changed. */
export const DECLARED_MESSAGE = "!declared";
/** A process is heard of at least this often. Milliseconds. */
export const SIGN_OF_LIFE_MS = 5_000;
/** Failures in a row after which a machine reports a tool as down. */
export const BREAKER_FAILURES = 5;
/** How long an open breaker lets nothing through. Milliseconds. */
export const BREAKER_OPEN_MS = 60_000;
/** Calls that a half-open breaker lets through at once, and that have to succeed to close it. */
export const BREAKER_PROBES = 3;
/** Machines that called a tool within this time have a say about its breaker. Milliseconds. */
export const BREAKER_QUORUM_MS = 60_000;
/** Pause after a 429 that names none; doubles with each in a row up to the maximum. Milliseconds. */
export const COOL_DOWN_MS = 1_000;
export const COOL_DOWN_MAX_MS = 60_000;
/** A ramp that has found no end by then is over. Milliseconds. */
export const RAMP_MS = 30_000;
/** Calls over which the mean service time of a tool is taken. */
export const SERVICE_WINDOW = 20;
/** Marks of jobs that will not call their tool are forgotten after this time. Milliseconds. */
export const PASS_MS = 7 * 86_400_000;
/** What a call is taken to last before any was measured, if its tool does not say. Milliseconds. */
export const DEFAULT_SERVICE_MS = 1_000;
/** The least share of a machine that a call counts as, in the demand of a run. */
export const MIN_SHARE = 0.05;
/** Ended calls that are kept for who learns from them, until the next pass. */
export const SAMPLES_KEPT = 5_000;
/** More calls of a tool at once than this are a mistake of counting. */
export const MOST_BESIDE = 100_000;
/** Changes of the level that are kept. */
export const AUDIT_KEPT = 1_000;
/** How the deployment works, the best first: with all tools, without the optional ones, with the critical ones only. */
export const LEVELS = ["normal", "reduced", "minimal"] as const;
/** Jobs of a queue that are looked at for those that need not wait, whenever its tool is refused. */
export const YIELD_SCAN = 500;

/** What calls ask of the gate: operations that read and change single numbers only, and have a script of their own (calls.lua). */
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
