/** How often the measuring loop runs: long enough to be seen, short enough not to be felt. */
const ROUNDS = 200_000;
/** The dearest step, in rounds of the loop below: several times of what was measured. What is not counted takes thousands. */
const ROUNDS_PER_STEP = 15;

/**
 * A clock for work of this process alone: it counts what the process has used of the processor, so neighbors
 * do not move it, and knows how fast this machine is.
 */
export function ownSpeed(): {
  /** Processor time. Milliseconds. */
  now(): number;
  /** What so many steps may take on this machine. Milliseconds. */
  steps(count: number): number;
} {
  const now = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  };
  const from = now();
  const seen = new Map<string, unknown>();
  for (let n = 0; n < ROUNDS; n++)
    seen.set(`k${n % 97}`, [n, seen.get(`k${n % 89}`) === undefined]);
  const roundMs = (now() - from) / ROUNDS;
  return { now, steps: (count) => count * ROUNDS_PER_STEP * roundMs };
}
