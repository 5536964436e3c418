import { enqueueRun, FIELDS, hurry, resumeCancel, type RunParts } from "../../queues/index.ts";

/** How often half-done submissions and cancellations are looked for. Milliseconds. */
export const SWEEP_INTERVAL_MS = 30_000;
/** What is younger than this may still be in somebody's hands. Milliseconds. */
const QUIET_MS = 10_000;

/** What a pass repaired. */
export interface SweepReport {
  /** Runs whose submitter died before their jobs were added. */
  readonly enqueued: readonly string[];
  /** Runs whose canceller died before they were ended. */
  readonly ended: readonly string[];
}

/** Finishes what a process left half done when it died. */
export async function sweep(parts: RunParts, quietMs: number = QUIET_MS): Promise<SweepReport> {
  const report = { enqueued: [] as string[], ended: [] as string[] };
  const nowMs = await parts.runs.now();
  for (const runId of await parts.runs.open()) {
    const header = await parts.runs.header(runId);
    if (header === null || nowMs - header.submittedAtMs < quietMs) continue;
    if (header.state !== "cancelling" && (await enqueueRun(parts, runId)))
      report.enqueued.push(runId);
    if (header.state === "running") {
      const [abort] = await parts.runs.fields(runId, [FIELDS.abort]);
      if (abort) await hurry(parts, runId);
    }
    if (header.state === "cancelling") {
      const state = await resumeCancel(parts, runId);
      if (state !== null && state !== "cancelling") report.ended.push(runId);
    }
  }
  return report;
}
