import { messageOf } from "../../config/index.ts";

/** Failures of a pass that are kept with their reason; the others are counted. */
const FAILURES_KEPT = 20;

/** What could not be done of a pass. */
export interface Failure {
  /** Run, tenant or lane. */
  readonly id: string;
  readonly error: string;
}

/** Does something to each, one after another. One that fails does not keep the others from their turn. */
export async function eachOf(
  ids: readonly string[],
  work: (id: string) => Promise<unknown>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const id of ids) {
    try {
      await work(id);
    } catch (thrown) {
      if (failures.length < FAILURES_KEPT) failures.push({ id, error: messageOf(thrown) });
    }
  }
  return failures;
}
