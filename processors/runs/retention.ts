import { type RunParts } from "../../queues/index.ts";
import { forgetRun, type Expiry } from "../../queues/worker.ts";
import { eachOf, keptOf, type Failure } from "./each-of.ts";
import { eachPage } from "./each-page.ts";

/** How often runs that are past their time are removed. Milliseconds. */
export const RETENTION_INTERVAL_MS = 10_000;
/** A pass ends after this time, whatever is left. Milliseconds. */
const BUDGET_MS = 8_000;
/** Runs that are named together: of each tenant of a page its share, so that none waits for another's. */
const NAMED_AT_ONCE = 1_000;
const LEAST_SHARE = 20;
/** Runs that are removed together: their commands go to Redis without waiting for each other's answers. */
const AT_ONCE = 16;

/** How long ended runs are kept, per tenant. */
export interface Retention {
  readonly runs: number;
  readonly ms: number;
  readonly failedMs: number;
}

/** What a pass did. */
export interface RetentionReport {
  readonly removed: number;
  /** Runs that are past their time and still there; missing when there are none. */
  readonly behind?: number;
  readonly failures?: readonly Failure[];
}

/**
 * Removes the runs that are past their time or beyond the number to keep, until none is left, the time of a pass is over
 * or `signal` aborts.
 */
export async function removeExpired(
  parts: RunParts,
  retention: Retention,
  signal?: AbortSignal,
): Promise<RetentionReport> {
  const { tending } = parts.runs;
  const nowMs = await parts.runs.now();
  const untilMs = performance.now() + BUDGET_MS;
  const isOver = () => signal?.aborted === true || performance.now() >= untilMs;
  const expiry = {
    doneBeforeMs: nowMs - retention.ms,
    failedBeforeMs: nowMs - retention.failedMs,
    keep: retention.runs,
  };
  const read = (from: string) => tending.tenants(from);
  let removed = 0;
  const removeOf = async (tenants: readonly string[]): Promise<readonly Failure[]> => {
    const limit = Math.max(LEAST_SHARE, Math.floor(NAMED_AT_ONCE / tenants.length));
    const failures: Failure[] = [];
    let before: number;
    do {
      before = removed;
      const { ids } = await tending.expired(tenants, { ...expiry, limit });
      const remove = async (runId: string): Promise<void> => {
        if (!isOver() && (await forgetRun(parts, runId))) removed++;
      };
      failures.push(...(await eachOf(ids, remove, AT_ONCE)));
      // What a worker still holds, or what cannot be removed, is for a later pass.
    } while (removed > before && !isOver());
    return failures;
  };
  const failures = await eachPage(tending, "retention", read, isOver, removeOf);
  const behind = isOver() ? await countExpired(parts, { ...expiry, limit: 0 }) : 0;
  return {
    removed,
    ...(behind > 0 ? { behind } : {}),
    ...(failures.length > 0 ? { failures: keptOf(failures) } : {}),
  };
}

/** How many runs of all tenants are past their time. */
async function countExpired({ runs: { tending } }: RunParts, expiry: Expiry): Promise<number> {
  let count = 0;
  let from = "0";
  do {
    const { ids, next } = await tending.tenants(from);
    count += (await tending.expired(ids, expiry)).count;
    from = next;
  } while (from !== "0");
  return count;
}
