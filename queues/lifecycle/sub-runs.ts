import { createHash } from "node:crypto";

import type { RunAddress } from "../names.ts";
import type { FoundRun, StepOrItem } from "./parts.ts";

/** The id of the run that a `workflow` step starts: the same for every start of the step. */
export function subRunId(run: RunAddress, stepId: string): string {
  const name = `${run.runId}.${run.epoch}.${stepId}`;
  return `sub-${createHash("sha256").update(name).digest("hex").slice(0, 24)}`;
}

/** The runs behind those of `steps` that are runs of another workflow. */
export function childRuns(run: FoundRun, steps: readonly StepOrItem[]): string[] {
  return steps
    .filter(({ stepId }) => run.definition.steps[stepId]?.workflow !== undefined)
    .map(({ stepId }) => subRunId(run.address, stepId));
}
