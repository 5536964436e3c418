import { iso } from "../../../config/index.ts";
import type { CanaryRecord, CanaryResult } from "../../../queues/index.ts";

/** What the canary says of a deployment. */
export interface Canary {
  readonly workflowId: string;
  /** The last result, and when it was looked at, ISO 8601. */
  readonly last: Omit<CanaryResult, "atMs"> & { readonly at: string };
  /** Runs that did not complete, and all, of the last hour at most. */
  readonly failed: number;
  readonly runs: number;
  /** Of the last ones, how many in a row did not complete. */
  readonly failedInARow: number;
}

/** Results older than so many intervals say nothing about now. */
const STALE = 10;

/** Null: there is no canary, or nothing is known of it yet, or nothing was for long. */
export function canaryOf(record: CanaryRecord | null, nowMs: number): Canary | null {
  const result = record?.results.at(-1);
  if (record === null || result === undefined) return null;
  if (nowMs - result.atMs > STALE * record.everyMs) return null;
  const { atMs, ...last } = result;
  const isGood = ({ state }: CanaryResult): boolean => state === "completed";
  const lastGood = record.results.findLastIndex(isGood);
  return {
    workflowId: record.workflowId,
    last: { ...last, at: iso(atMs) },
    failed: record.results.filter((one) => !isGood(one)).length,
    runs: record.results.length,
    failedInARow: record.results.length - 1 - lastGood,
  };
}
