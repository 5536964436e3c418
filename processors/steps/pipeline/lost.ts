import type { Job } from "bullmq";

import { MAX_WORKER_LOSSES } from "../../../config/index.ts";
import {
  FIELDS,
  jobOf,
  parseStepRecord,
  placesOf,
  runOf,
  type StepError,
  type StepJob,
} from "../../../queues/index.ts";
import { linksOfLost } from "../../../queues/worker.ts";
import type { CompiledDefinition } from "../definitions.ts";
import type { Engine } from "../engine.ts";

/** Outranks every start of a job. */
export const LAST_START = 1_000_000_000;

/**
 * The error of a control job that so many workers died with that it is probably what kills them; null when it
 * may be tried (again). What such a job reads and computes comes from a document.
 */
export function lossesOf(job: Job, what: string): StepError | null {
  const losses = job.stalledCounter;
  if (losses < MAX_WORKER_LOSSES) return null;
  return {
    code: "worker_lost",
    message: `${losses} workers lost their hold on it while they ${what}`,
  };
}

/**
 * Ends a step whose job somebody removed before it ended: nothing else will, and its dependents
 * would wait until the run's time is over. False when its job is there.
 */
export async function endLost(
  engine: Engine,
  workflow: CompiledDefinition,
  job: StepJob,
  stepId: string,
): Promise<boolean> {
  const places = await placesOf(engine, workflow.definition, job);
  const { queue, jobId } = jobOf(places, { stepId });
  if (await engine.flows.has(queue, jobId)) return false;
  const run = await runOf(engine, job.runId);
  const links = run === null ? null : linksOfLost(engine, run, stepId);
  const field = FIELDS.record(stepId);
  const [text] = await engine.ledger.read(job.runId, [field]);
  const { attempts } = parseStepRecord(text);
  await engine.ledger.commit(
    { runId: job.runId, epoch: job.epoch, stepId, start: LAST_START, links },
    {
      outcome: "failed",
      attempts,
      error: { code: "internal_error", message: "its job was removed before it ended" },
      dead: true,
    },
  );
  return true;
}
