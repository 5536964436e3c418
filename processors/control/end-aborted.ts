import { readJson } from "../../config/index.ts";
import { abortedState, FIELDS, type Abort, type RunJob } from "../../queues/index.ts";
import type { Engine } from "../engine.ts";

/** Ends a run that was being stopped, after the last of its running steps ended. */
export async function endAborted(engine: Engine, job: RunJob): Promise<void> {
  const [abort] = await engine.runs.fields(job.runId, [FIELDS.abort]);
  if (!abort) return;
  await engine.runs.finish(job.runId, job.tenant, {
    state: abortedState(readJson<Abort>(abort)),
  });
}
