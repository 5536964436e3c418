import { cancelRun, type RunParts } from "../../queues/index.ts";
import { enqueueRun } from "../../queues/worker.ts";
import { eachOf, type Failure } from "../runs/each-of.ts";

/** What cannot wait is looked for this often. Milliseconds. */
export const DUE_INTERVAL_MS = 500;
/** Runs of each kind that one pass takes. */
const RUNS_PER_PASS = 500;

/**
 * Stops the runs whose time is over, and adds the jobs of those that were admitted and left without. Returns what it
 * could not do.
 */
export async function doWhatIsDue(parts: RunParts): Promise<readonly Failure[]> {
  const { overdue, withoutJobs } = await parts.runs.due(RUNS_PER_PASS);
  const late = await eachOf(overdue, (runId) =>
    cancelRun(parts, runId, { kind: "timeout", reason: "the run's time is over" }),
  );
  const left = await eachOf(withoutJobs, async (runId) => {
    await enqueueRun(parts, runId);
    await parts.runs.jobsAreThere(runId);
  });
  return [...late, ...left];
}
