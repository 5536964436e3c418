import { createHash } from "node:crypto";

import type { RunAddress } from "../../names.ts";
import { FIELDS, parseStepRecord } from "../record/run-record.ts";
import { runOf, type FoundRun, type RunParts, type StepOrItem } from "./parts.ts";

/** The id of the run that a `workflow` step starts. It is the same for every start of the step. */
export function subRunId(run: RunAddress, stepId: string): string {
  const name = `${run.runId}.${run.epoch}.${stepId}`;
  return `sub-${createHash("sha256").update(name).digest("hex").slice(0, 24)}`;
}

/** The sub-runs that these steps started. */
export function childRuns(run: FoundRun, steps: readonly StepOrItem[]): string[] {
  return steps
    .filter(({ stepId }) => run.definition.steps[stepId]?.workflow !== undefined)
    .map(({ stepId }) => subRunId(run.address, stepId));
}

/** The sub-runs of a run's `workflow` steps that are underway. */
export async function workingFor(parts: RunParts, runId: string): Promise<string[]> {
  const run: FoundRun | null = await runOf(parts, runId);
  if (run === null) return [];
  const ids = Object.keys(run.definition.steps).filter(
    (id) => run.definition.steps[id]?.workflow !== undefined,
  );
  const records = await parts.runs.fields(
    runId,
    ids.map((id) => FIELDS.record(id)),
  );
  const underway = ids.filter((_, index) => {
    const { state } = parseStepRecord(records[index]);
    return state === "running" || state === "waiting";
  });
  return childRuns(
    run,
    underway.map((stepId) => ({ stepId })),
  );
}
