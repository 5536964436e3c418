import { MAX_PRIORITY } from "../../config/index.ts";

/** Runs that are told apart within a class. BullMQ knows 2,097,152 priorities; ten classes share them. */
const CLASS = 200_000;

/**
 * BullMQ's priority of the steps of a run; it takes the smallest first. First the more urgent class,
 * then the run that was admitted earlier: what was begun is finished before something new is begun.
 * After 200,000 runs counting begins again, so that for a while new runs pass older ones.
 */
export function jobPriority(priority: number, seq: number): number {
  return (MAX_PRIORITY - priority) * CLASS + (seq % CLASS) + 1;
}
