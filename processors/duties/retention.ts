import { forgetRun, type RunParts } from "../../queues/index.ts";
import { eachOf, type Failure } from "./each-of.ts";

/** How often runs that are past their time are removed. Milliseconds. */
export const RETENTION_INTERVAL_MS = 60_000;
/** Runs removed in one pass: removing is work for Redis, and nobody waits for it. */
const MAX_PER_PASS = 500;

/** How long ended runs are kept, per tenant. */
export interface Retention {
  readonly runs: number;
  readonly ms: number;
  readonly failedMs: number;
}

/** Removes the runs that are past their time or beyond the number to keep. Returns how many. */
export async function removeExpired(
  parts: RunParts,
  retention: Retention,
): Promise<{ removed: number; failures?: readonly Failure[] }> {
  const nowMs = await parts.runs.now();
  let removed = 0;
  const failures = await eachOf(await parts.runs.tenants(), async (tenant) => {
    const done = await parts.runs.expired(
      tenant,
      "done",
      nowMs - retention.ms,
      retention.runs,
      MAX_PER_PASS,
    );
    const failed = await parts.runs.expired(
      tenant,
      "failed",
      nowMs - retention.failedMs,
      retention.runs,
      MAX_PER_PASS,
    );
    for (const runId of [...done, ...failed]) if (await forgetRun(parts, runId)) removed++;
  });
  return failures.length > 0 ? { removed, failures } : { removed };
}
