import type { Page, Tending } from "../../queues/worker.ts";

/**
 * Goes over something a page at a time, until it is over; then the next pass of the duty goes on where this one stopped.
 * Returns what was done, page by page.
 */
export async function eachPage<T>(
  tending: Tending,
  duty: string,
  read: (from: string) => Promise<Page>,
  isOver: () => boolean,
  work: (ids: readonly string[]) => Promise<readonly T[]>,
): Promise<T[]> {
  const done: T[] = [];
  const before = await tending.cursor(duty);
  let at = before;
  do {
    const { ids, next } = await read(at);
    if (ids.length > 0) done.push(...(await work(ids)));
    at = next;
  } while (at !== "0" && !isOver());
  if (at !== before) await tending.keepCursor(duty, at);
  return done;
}
