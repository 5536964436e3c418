import { jobsOf, runOf, type FoundRun, type RunParts } from "./parts.ts";
import { workingFor } from "./sub-runs.ts";

/**
 * Calls the steps that stand aside because their run had no place among those at work, here and in the runs that work
 * for it. Always harmless: a step that may not go on yet moves aside again.
 */
export async function callReturned(parts: RunParts, run: FoundRun): Promise<void> {
  await callSteps(parts, run);
  // Last: if this process dies before, the search for runs without jobs finds the run.
  await parts.waits.cameBack(run.address.runId);
  await parts.runs.jobsAreThere(run.address.runId);
}

async function callSteps(parts: RunParts, run: FoundRun): Promise<void> {
  const { runId } = run.address;
  for (const child of await workingFor(parts, runId)) {
    const found = await runOf(parts, child);
    if (found !== null) await callSteps(parts, found);
  }
  const slots = await parts.waits.heldBack(runId);
  if (slots.length === 0) return;
  await parts.flows.promote(jobsOf(run, slots));
  await parts.waits.calledBack(runId, slots);
}
