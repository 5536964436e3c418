import { DelayedError, type Job } from "bullmq";

import { placesOf, type RunDefinition, type StepJob } from "../../../queues/index.ts";
import { FAR_MS, jobsOf, type Aside, type StepAddress } from "../../../queues/worker.ts";
import type { Engine } from "../engine.ts";

/**
 * Moves a job aside until it is called: its run is held, has as many calls underway as it may, or no
 * place among those at work. It is moved first and looks again then, so that it is not missed by who calls meanwhile (D13).
 */
export async function setAside(
  engine: Engine,
  job: Job<StepJob>,
  token: string | undefined,
  address: StepAddress,
  status: Aside,
): Promise<never> {
  await job.moveToDelayed(Date.now() + FAR_MS, token);
  if (await engine.waits.mayGoOn(address, status))
    await engine.flows.promote([{ queue: job.queueName, jobId: job.id! }]);
  throw new DelayedError(status);
}

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

/** More than a job is ever started. */
const ALTERNATIVE_STARTS = 1_000_000;

/** How the ledger addresses the step of a job. */
export function addressOf(job: Job<StepJob>, group: string | undefined): StepAddress {
  const { runId, epoch, stepId, item, undo, alt } = job.data;
  return {
    runId,
    epoch,
    stepId,
    // The call of an alternative comes after all starts of the one before it.
    start: (alt?.n ?? 0) * ALTERNATIVE_STARTS + job.attemptsStarted,
    ...(item === undefined ? {} : { item }),
    ...(undo === true ? { undo } : {}),
    ...(group === undefined ? {} : { group }),
  };
}
