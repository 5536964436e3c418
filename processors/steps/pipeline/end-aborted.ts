import { readJson } from "../../../config/index.ts";
import { FIELDS, type Abort, type RunDefinition, type RunJob } from "../../../queues/index.ts";
import { abortedState, conclude } from "../../../queues/worker.ts";
import type { Engine } from "../engine.ts";

/** Ends a run that was being stopped, after the last of its running steps ended. */
export async function endAborted(
  engine: Engine,
  definition: RunDefinition,
  job: RunJob,
): Promise<void> {
  const [text] = await engine.runs.fields(job.runId, [FIELDS.abort]);
  if (!text) return;
  const abort = readJson<Abort>(text);
  await conclude(engine, { address: job, definition, abort }, { state: abortedState(abort) });
}
