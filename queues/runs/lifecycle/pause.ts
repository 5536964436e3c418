import type { RunState } from "../record/run-record.ts";
import { parkAgain } from "./park.ts";
import { jobsOf, runOf, type RunParts } from "./parts.ts";
import { enqueueRun, enqueueRuns } from "./start.ts";
import { workingFor } from "./sub-runs.ts";

/**
 * Holds a run and the runs that work for it: no step begins, running ones go on, and the clock stands still. Returns
 * the state; null if there is no such run.
 */
export async function pauseRun(
  parts: RunParts,
  runId: string,
  actor: string,
): Promise<RunState | null> {
  const answer = await parts.waits.pause(runId, actor, parts.maxRunning);
  if (answer === null) return null;
  await enqueueRuns(parts, answer.admitted);
  const paused = ["queued", "running", "parked", "paused"].includes(answer.before);
  if (!paused) return answer.before;
  for (const child of await workingFor(parts, runId)) await pauseRun(parts, child, actor);
  return "paused";
}

/**
 * Lets a paused run go on, after the runs that work for it. If the process dies in between, the run is still paused and
 * can be resumed again. Returns the state; null if there is no such run.
 */
export async function unpauseRun(parts: RunParts, runId: string): Promise<RunState | null> {
  if ((await parts.runs.header(runId))?.state === "paused")
    for (const child of await workingFor(parts, runId)) await unpauseRun(parts, child);
  const answer = await parts.waits.unpause(runId, parts.maxRunning);
  if (answer === null) return null;
  await enqueueRuns(parts, answer.admitted);
  const run = await runOf(parts, runId);
  if (answer.before !== "paused" || run === null) return answer.now;
  if (run.state === "queued") await enqueueRun(parts, runId);
  await parts.flows.promote(jobsOf(run, answer.parked));
  // Last: if this process dies before, the sweeper calls them.
  await parts.waits.calledBack(runId, answer.parked);
  // A step that was called checks this itself when it has nothing more to do.
  const idle =
    answer.now === "running" &&
    answer.parked.length === 0 &&
    (await parkAgain(parts, run.definition, runId));
  return idle ? "parked" : answer.now;
}
