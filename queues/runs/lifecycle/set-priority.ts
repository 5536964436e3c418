import { FIELDS, parseStepRecord, type RunState } from "../record/run-record.ts";
import { jobOf, jobsOfStep, runOf, stepsOf, type RunParts } from "./parts.ts";
import { workingFor } from "./sub-runs.ts";

/**
 * Makes a run, and the runs that work for it, more or less urgent: its place among the runs that wait
 * for their turn, and that of every step that has not begun. Items of a forEach that are added later
 * read the record. Returns the state of the run; null when there is no such run.
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
  // A step that runs is given the new one as well: it may be tried again.
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
