import { messageOf } from "../../config/index.ts";

/** Failures of a pass that are kept with their reason; the others are counted. */
const FAILURES_KEPT = 20;

/** What could not be done of a pass. */
export interface Failure {
  /** Run, tenant or lane. */
  readonly id: string;
  readonly error: string;
}

/**
 * Does something to each, to `atOnce` at the same time (default: one after another). One that fails does not keep the
 * others from their turn.
 */
export async function eachOf(
  ids: readonly string[],
  work: (id: string) => Promise<unknown>,
  atOnce = 1,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  let next = 0;
  const oneAfterAnother = async (): Promise<void> => {
    while (next < ids.length) {
      const id = ids[next++]!;
      try {
        await work(id);
      } catch (thrown) {
        if (failures.length < FAILURES_KEPT) failures.push({ id, error: messageOf(thrown) });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, ids.length) }, oneAfterAnother));
  return failures;
}

/** Failures of parts of a pass, as many as are kept. */
export function keptOf(failures: readonly Failure[]): readonly Failure[] {
  return failures.slice(0, FAILURES_KEPT);
}
