/** Something that wants a number of calls at once. */
interface Wanting {
  readonly want: number;
  /** Less than this is none. */
  readonly least: number;
  /** What each call takes of the resources. */
  readonly resources: Readonly<Record<string, number>>;
}

/** What a call more may exceed a resource by, for sums of floats. */
const EPSILON = 1e-9;

/**
 * Shares resources out: all rise alike from what they need at least towards what they want, and stop where they have it
 * or where one of their resources is used up (progressive filling, which is max-min fair in shares of what is wanted:
 * D. Bertsekas, R. Gallager, _Data Networks_, 1992). Then whole numbers: rounded down, and what is left goes to the
 * largest remainders that still fit.
 *
 * @param capacity By resource; one that is not named has no bound.
 */
export function fill(
  wanting: readonly Wanting[],
  capacity: Readonly<Record<string, number>>,
): number[] {
  const free = new Map(Object.entries(capacity));
  const given = wanting.map(({ least, want }) => Math.min(least, want));
  for (const [index, { resources }] of wanting.entries()) take(free, resources, given[index]!);
  const rising = new Set(
    wanting.flatMap(({ want, least }, index) => (want > least ? [index] : [])),
  );
  let level = 0;
  while (rising.size > 0 && level < 1) {
    let step = 1 - level;
    for (const [resource, left] of free) {
      const perLevel = [...rising].reduce(
        (sum, index) => sum + spanOf(wanting[index]!) * (wanting[index]!.resources[resource] ?? 0),
        0,
      );
      if (perLevel > 0) step = Math.min(step, Math.max(0, left) / perLevel);
    }
    level += step;
    for (const index of rising) {
      const more = step * spanOf(wanting[index]!);
      given[index]! += more;
      take(free, wanting[index]!.resources, more);
    }
    const stopped = [...rising].filter((index) =>
      Object.entries(wanting[index]!.resources).some(
        ([resource, share]) => share > 0 && (free.get(resource) ?? Infinity) <= EPSILON,
      ),
    );
    if (stopped.length === 0) break;
    for (const index of stopped) rising.delete(index);
  }
  return whole(wanting, given, free);
}

const spanOf = ({ want, least }: Wanting): number => Math.max(0, want - least);

function take(free: Map<string, number>, resources: Wanting["resources"], count: number): void {
  for (const [resource, share] of Object.entries(resources)) {
    const left = free.get(resource);
    if (left !== undefined) free.set(resource, left - share * count);
  }
}

function whole(
  wanting: readonly Wanting[],
  given: readonly number[],
  free: Map<string, number>,
): number[] {
  const counts = given.map((count) => Math.floor(count + EPSILON));
  for (const [index, { resources }] of wanting.entries())
    take(free, resources, counts[index]! - given[index]!);
  const byRemainder = given
    .map((count, index) => [count - counts[index]!, index] as const)
    .filter(([remainder]) => remainder > EPSILON)
    .toSorted(([a], [b]) => b - a);
  for (const [, index] of byRemainder) {
    const { resources } = wanting[index]!;
    const fits = Object.entries(resources).every(
      ([resource, share]) => share <= (free.get(resource) ?? Infinity) + EPSILON,
    );
    if (!fits) continue;
    counts[index]!++;
    take(free, resources, 1);
  }
  return counts;
}
