/** The door of queues/connection/: connections to Redis, and what they tell of its troubles. */
export { RedisClock } from "./clock.ts";
export { settlesWithin, withinDeadline } from "./deadline.ts";
export { factsFrom, lackOf, type DurabilityFacts } from "./durability-facts.ts";
export { Durability } from "./durability.ts";
export { defineOnce } from "./once.ts";
export { openImpatient, openPatient, type TroubleReport } from "./open.ts";
export { isAtLeast } from "./server-info.ts";
export { REDIS_TROUBLES, redisTrouble, unavailable } from "./trouble.ts";
