import { PRIORITIES_PER_S } from "../gate/constants.ts";

/** The largest priority that BullMQ knows. */
const MAX = 2_097_152;

/**
 * BullMQ's priority of the steps of a run, by its fair tag; it takes the smallest first. What was begun is
 * finished before something new is begun, and a class with twice the weight gets twice as much. After
 * 20,000 virtual seconds without an idle moment counting begins again, so that for a while new runs pass
 * older ones.
 */
export function jobPriority(tag: number): number {
  return (Math.floor(tag * PRIORITIES_PER_S) % (MAX - 1)) + 1;
}
