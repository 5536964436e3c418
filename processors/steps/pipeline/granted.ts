import { placesOf, type RunDefinition, type StepJob } from "../../../queues/index.ts";
import { jobsOf } from "../../../queues/worker.ts";
import type { Engine } from "../engine.ts";

/** Calls the steps that got a place because another one gave it back. */
export async function callGranted(
  engine: Engine,
  definition: RunDefinition,
  job: StepJob,
  granted: readonly string[],
): Promise<void> {
  if (granted.length === 0) return;
  await engine.flows.promote(jobsOf(await placesOf(engine, definition, job), granted));
}
