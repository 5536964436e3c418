import { setTimeout as pause } from "node:timers/promises";

/** Pause between two tries. Milliseconds. */
const POLL_MS = 10;

/**
 * Repeats an assertion until it holds, and returns what it returns.
 *
 * @param timeoutMs Longest time; afterwards it is tried once more, because a machine may sleep through all of
 * it, and the last failure is thrown. Default: 20,000: long for a machine that is busy with other things, and
 * shorter than the 30 seconds after which the sweeper would repair what went wrong.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 20_000 }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const isLast = performance.now() > deadline;
    try {
      return await assertion();
    } catch (error) {
      if (isLast) throw error;
      await pause(POLL_MS);
    }
  }
}

/** A turn of {@link promptly} counts no longer than this: what is beyond, the machine stood still. Milliseconds. */
const TURN_MS = 20;

/**
 * The same for what has to hold soon, because later it would hold for another reason. Time in which the machine
 * stands still does not count, so the assertion has to ask everybody who is needed: a Redis, for one.
 *
 * @param withinMs Longest time on a machine that has nothing else to do.
 */
export async function promptly<T>(assertion: () => Promise<T>, withinMs: number): Promise<T> {
  let countedMs = 0;
  for (;;) {
    const from = performance.now();
    const isLast = countedMs > withinMs;
    try {
      return await assertion();
    } catch (error) {
      if (isLast) throw error;
      await pause(POLL_MS);
      countedMs += Math.min(TURN_MS, performance.now() - from);
    }
  }
}
