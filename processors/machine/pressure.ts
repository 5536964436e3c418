/**
 * How long some work has waited for a resource since the start, from the kernel's pressure file (PSI).
 * Microseconds; null where there is none.
 *
 * Two totals give the share of exactly one window; the averages in the same line lag behind.
 */
export function parsePressure(text: string): number | null {
  const total = /^some avg10=\S+ avg60=\S+ avg300=\S+ total=(\d+)$/m.exec(text)?.[1];
  return total === undefined ? null : Number(total);
}

/** A processor is full from this use on, when work waits for it too where that is known; or when much of the work waits. */
const FULL_USE = 0.95;
const WAITED = 0.1;
/** Memory and storage are full when work waits for them in so much of the time. */
const MUCH_WAITED = 0.2;

/** Whether what runs on a machine is slow because the machine is full. */
export function isFull(reading: {
  readonly usage: Readonly<Record<string, number | null>>;
  readonly pressure: Readonly<Record<string, number | null>>;
}): boolean {
  const { usage, pressure } = reading;
  const cpu = pressure["cpu"] ?? null;
  if ((usage["cpu"] ?? 0) >= FULL_USE && (cpu === null || cpu > WAITED)) return true;
  return ["memory", "storage"].some((name) => (pressure[name] ?? 0) > MUCH_WAITED);
}
