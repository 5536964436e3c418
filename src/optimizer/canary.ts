/** What the canary says of a deployment. */
export interface Canary {
  readonly workflowId: string;
  /** The last result: how the run ended, or `open` when it did not in time, or `none` when there was no run. */
  readonly last: {
    readonly runId: string;
    readonly state: string;
    /** Null: it did not end. Milliseconds. */
    readonly tookMs: number | null;
    readonly reason?: string;
    /** ISO 8601. */
    readonly at: string;
  };
  /** Runs that did not complete, and all, of the last hour at most. */
  readonly failed: number;
  readonly runs: number;
  /** Of the last ones, how many in a row did not complete. */
  readonly failedInARow: number;
}

interface Result {
  readonly runId: string;
  readonly state: string;
  readonly tookMs: number | null;
  readonly reason?: string;
  readonly atMs: number;
}

/** Results older than so many intervals say nothing about now. */
const STALE = 10;

/** Null: there is no canary, or nothing is known of it yet, or nothing was for long. */
export function canaryOf(
  record: {
    readonly workflowId: string;
    readonly everyMs: number;
    readonly results: readonly Result[];
  } | null,
  nowMs: number,
): Canary | null {
  const result = record?.results.at(-1);
  if (record === null || result === undefined) return null;
  if (nowMs - result.atMs > STALE * record.everyMs) return null;
  const { atMs, ...last } = result;
  const isGood = ({ state }: Result): boolean => state === "completed";
  const lastGood = record.results.findLastIndex(isGood);
  return {
    workflowId: record.workflowId,
    last: { ...last, at: new Date(atMs).toISOString() },
    failed: record.results.filter((one) => !isGood(one)).length,
    runs: record.results.length,
    failedInARow: record.results.length - 1 - lastGood,
  };
}
