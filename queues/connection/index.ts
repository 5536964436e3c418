/** The door of queues/connection/: connections to Redis, and its troubles. */
export {
  ADDING,
  ADDING_FUNCTION,
  ADDING_TEXTS,
  bullFunction,
  bullFunctions,
  keysOfBullScript,
  untestedBullScripts,
} from "./bull-scripts.ts";
export { withinDeadline } from "./deadline.ts";
export { factsFrom, type DurabilityFacts } from "./durability-facts.ts";
export { defineScripts, script, type Commands } from "./define-scripts.ts";
export { openImpatient } from "./open.ts";
export { isAtLeast } from "./server-info.ts";
export { unpacked, wellFormed } from "./unpacked.ts";
