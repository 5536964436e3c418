import { TARGETS } from "../../../config/index.ts";
import { TARGET_LEAD_RUNS, TARGETS_FIRST_TO_LAST } from "./constants.ts";

/**
 * The rank of a run: the BullMQ priority of all its jobs. It encodes the tenant and the urgency, so that the gate finds
 * the most urgent job of each tenant by score range, however long the queue is.
 *
 * rank = FIRST_RANK + tenant x RANKS_PER_TENANT + level x RANKS_PER_LEVEL + turn
 *
 * tenant: the tenant's number. level: 1 for class 10, ... 10 for class 1; 0 for jobs of class 10 that have waited too
 * long. turn: the run's turn among those of its tenant, in a ring, put back by its target's lag behind the first
 * target. Ranks below FIRST_RANK belong to no tenant: jobs that need no permit, and jobs put in front to be fetched
 * next.
 */
export const TENANTS = 1_000;
/** Classes 1 to 10, and one above them. */
const LEVELS = 11;
/** Turns of a tenant's runs. BullMQ allows 2,097,152 priorities. */
export const RANKS_PER_LEVEL = 190;
/**
 * Up to this many runs of a tenant at work each have a turn of their own; beyond that, some share one. Open runs then
 * span a part of the ring. They stand in order by themselves while that part does not cross the end of the ring.
 */
export const RUNS_APART = 32;
export const RANKS_PER_TENANT = LEVELS * RANKS_PER_LEVEL;
export const FIRST_RANK = 16;
/** How many turns runs of a target go behind those of the first target. */
export const TARGET_LAGS = Object.fromEntries(
  TARGETS.map((target) => [target, TARGETS_FIRST_TO_LAST.indexOf(target) * TARGET_LEAD_RUNS]),
);
/** A run's turn is at most this far ahead of the number of runs that have begun. */
export const MAX_LAG = (TARGETS.length - 1) * TARGET_LEAD_RUNS;
/** The rank of a run that has none. */
export const LAST_RANK = FIRST_RANK + TENANTS * RANKS_PER_TENANT - 1;
/** BullMQ's priority of jobs that were picked, each for a permit that was granted. */
export const PICKED = 2;
/** BullMQ's priority of jobs of one tenant that were put in order, for permits that are handed on. */
export const ARRANGED = 3;
