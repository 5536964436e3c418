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
