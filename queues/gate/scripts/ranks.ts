/**
 * The rank of a run: the BullMQ priority of all its jobs. It says whose a job is and how urgent, so that the gate finds
 * the most urgent job of each tenant in a queue of any length by ranges of scores.
 *
 * rank = FIRST + tenant x PER_TENANT + level x PER_LEVEL + turn: the number of the tenant; 0 for what has grown
 * too old in class 10, 1 for class 10, ... 10 for class 1; the turn of the run among those of its tenant, in a ring. What
 * is below FIRST belongs to nobody: jobs that need no permit, and those that were picked to be fetched next.
 */
export const TENANTS = 1_000;
/** Classes 1 to 10, and one above them. */
const LEVELS = 11;
/** Runs of a tenant that are told apart: far more than are at work at once. BullMQ knows 2,097,152 priorities. */
const TURNS = 190;
const FIRST = 16;
/** The rank of who has none. */
export const LAST_RANK = FIRST + TENANTS * LEVELS * TURNS - 1;
/** BullMQ's priority of jobs that were picked. */
export const PICKED = 2;

export const RANKS = `
local FIRST, PER_TENANT, PER_LEVEL = ${FIRST}, ${LEVELS * TURNS}, ${TURNS}
local function levelOfRank(rank) return math.floor((rank - FIRST) % PER_TENANT / PER_LEVEL) end
`;
