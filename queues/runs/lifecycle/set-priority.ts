import { FIELDS, parseStepRecord, type RunState } from "../record/run-record.ts";
import { jobOf, jobsOfStep, runOf, stepsOf, type RunParts } from "./parts.ts";
import { workingFor } from "./sub-runs.ts";

/**
 * Changes the urgency of a run and of the runs that work for it: their places among the runs that wait for their turn,
 * and those of all steps that have not begun. Items of a forEach that are added later read the record. Returns the
 * state of the run; null if there is no such run.
 *
 * @param priority 1 to 10, 10 the most urgent.
 */
export async function setRunPriority(
  parts: RunParts,
  runId: string,
  priority: number,
): Promise<RunState | null> {
  const state = await parts.runs.setPriority(runId, priority);
  const run = state === null ? null : await runOf(parts, runId);
  if (run === null) return state;
  const steps = await stepsOf(parts.runs, runId, run.definition);
  const records = await parts.runs.fields(
    runId,
    steps.map(({ stepId, item }) => FIELDS.record(stepId, item)),
  );
  const open = steps.filter((_, index) => parseStepRecord(records[index]).finishedAtMs === null);
  // A running step gets the new priority too, because it may be retried.
  await parts.flows.reprioritize(
    open.flatMap((step) => jobsOfStep(run, step)),
    run.priority,
  );
  if (state === "compensating") {
    const undoing = steps.map((step) => jobOf(run, { ...step, undo: true }));
    await parts.flows.reprioritize(undoing, run.priority);
  }
  for (const child of await workingFor(parts, runId)) await setRunPriority(parts, child, priority);
  return state;
}
