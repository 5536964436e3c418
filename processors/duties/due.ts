import { cancelRun, enqueueRun, type RunParts } from "../../queues/index.ts";
import { eachOf, type Failure } from "./each-of.ts";

/** What cannot wait is looked for this often. Milliseconds. */
export const DUE_INTERVAL_MS = 500;
/** Runs of each kind that one pass takes. */
const RUNS_PER_PASS = 500;

/** What a pass did. */
export interface DueReport {
  /** Runs that were stopped, because their time was over. */
  readonly stopped: readonly string[];
  /** Runs whose jobs were added, because whoever admitted them did not. */
  readonly enqueued: readonly string[];
  readonly failures: readonly Failure[];
}

/** Stops the runs whose time is over, and adds the jobs of those that were admitted and left without. */
export async function doWhatIsDue(parts: RunParts): Promise<DueReport> {
  const { overdue, withoutJobs } = await parts.runs.due(RUNS_PER_PASS);
  const stopped: string[] = [];
  const enqueued: string[] = [];
  const failures = [
    ...(await eachOf(overdue, async (runId) => {
      const abort = { kind: "timeout", reason: "the run's time is over" } as const;
      const state = await cancelRun(parts, runId, abort);
      if (state !== null && state !== "cancelling") stopped.push(runId);
    })),
    ...(await eachOf(withoutJobs, async (runId) => {
      if (await enqueueRun(parts, runId)) enqueued.push(runId);
      await parts.runs.jobsAreThere(runId);
    })),
  ];
  return { stopped, enqueued, failures };
}
