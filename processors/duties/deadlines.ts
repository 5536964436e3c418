import { cancelRun, type RunParts } from "../../queues/index.ts";

/** Runs whose time is over are looked for this often. Milliseconds. */
export const DEADLINES_INTERVAL_MS = 500;

/** Stops the runs whose time is over. Returns their ids. */
export async function enforceDeadlines(parts: RunParts): Promise<string[]> {
  const overdue = await parts.runs.overdue(await parts.runs.now());
  const stopped: string[] = [];
  for (const runId of overdue) {
    const state = await cancelRun(parts, runId, {
      kind: "timeout",
      reason: "the run's time is over",
    });
    if (state !== null && state !== "cancelling") stopped.push(runId);
  }
  return stopped;
}
