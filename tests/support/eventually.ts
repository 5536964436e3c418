import { setTimeout as pause } from "node:timers/promises";

/** Pause between two tries. Milliseconds. */
const POLL_MS = 10;

/**
 * Repeats an assertion until it holds, and returns what it returns.
 *
 * @param timeoutMs Longest time; afterwards the last failure is thrown. Default: 5,000.
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { timeoutMs = 5_000 }: { readonly timeoutMs?: number } = {},
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  // oxlint-disable no-await-in-loop
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await pause(POLL_MS);
    }
  }
  // oxlint-enable no-await-in-loop
}
