import { TARGETS } from "../../../config/index.ts";
import { TARGET_LEAD_RUNS, TARGETS_FIRST_TO_LAST } from "./constants.ts";

/**
 * The rank of a run: the BullMQ priority of all its jobs. It says whose a job is and how urgent, so that the gate finds
 * the most urgent job of each tenant in a queue of any length by ranges of scores.
 *
 * rank = FIRST_RANK + tenant x RANKS_PER_TENANT + level x RANKS_PER_LEVEL + turn: the number of the tenant; 0 for what has grown
 * too old in class 10, 1 for class 10, ... 10 for class 1; the turn of the run among those of its tenant, in a ring, put back by what its
 * target lags behind the first one. What
 * is below FIRST_RANK belongs to nobody: jobs that need no permit, and those that were put in front to be fetched next.
 */
export const TENANTS = 1_000;
/** Classes 1 to 10, and one above them. */
const LEVELS = 11;
/** The turns of a tenant's runs: BullMQ knows 2,097,152 priorities. */
export const RANKS_PER_LEVEL = 190;
/**
 * Each of so many runs of a tenant that are at work has a turn of its own; of more some share one. What is open spans a part
 * of the ring then, and stands in order by itself while that part does not go over its end.
 */
export const RUNS_APART = 32;
export const RANKS_PER_TENANT = LEVELS * RANKS_PER_LEVEL;
export const FIRST_RANK = 16;
/** By how many turns runs of a target go behind those of the first one. */
export const TARGET_LAGS = Object.fromEntries(
  TARGETS.map((target) => [target, TARGETS_FIRST_TO_LAST.indexOf(target) * TARGET_LEAD_RUNS]),
);
/** The turn of no run is further ahead of the number of runs that have begun. */
export const MAX_LAG = (TARGETS.length - 1) * TARGET_LEAD_RUNS;
/** The rank of who has none. */
export const LAST_RANK = FIRST_RANK + TENANTS * RANKS_PER_TENANT - 1;
/** BullMQ's priority of jobs that were picked, each for a permit that was given. */
export const PICKED = 2;
/** BullMQ's priority of jobs of one tenant that were put in order, for permits that are handed on. */
export const ARRANGED = 3;
