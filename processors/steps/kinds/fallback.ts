import type { Job } from "bullmq";

import { given } from "../../../config/index.ts";
import {
  FIELDS,
  jobOf,
  parseStepRecord,
  type StepError,
  type StepJob,
} from "../../../queues/index.ts";
import { childOptions, type Call, type Ending, type HandedOn } from "../../../queues/worker.ts";
import { ownInput } from "../calls/call.ts";
import { recall } from "../calls/recall.ts";
import type { Found } from "../inputs.ts";
import type { Candidate } from "../pipeline/candidate.ts";
import { ended, GONE, type Exit } from "../pipeline/exit.ts";
import { callGranted } from "../pipeline/granted.ts";
import { LAST_START } from "../pipeline/lost.ts";
import { record } from "../pipeline/record.ts";
import { plainData, ABOUT, aboutOf } from "./feed.ts";

/** The call of a step is handed on to an alternative: this job calls nothing more. */
export interface HandOver {
  readonly handed: HandedOn;
  readonly call: Call | undefined;
}

/** A call that has failed for good, or is not made because nobody would answer. */
export interface FailedCall {
  /** Calls made so far. */
  readonly attempts: number;
  readonly error: StepError;
  readonly call?: Call;
  /** What the step has read; without it there is no input to look for a kept result with. */
  readonly found?: Found | undefined;
}

/**
 * Tries what a step says for when its call fails: the next alternative, then a kept result. Null when no way is
 * left. An alternative is a job of its own in the queue of its tool, so that it waits for that tool's limits and
 * nobody else's, and hangs under the step's job, which waits for it like a forEach for its items. Both write to
 * the same record.
 */
export async function fallBack(
  candidate: Candidate,
  failed: FailedCall,
): Promise<Ending | HandOver | null> {
  const { job, step } = candidate;
  const { fallback } = step.definition;
  const { attempts, error, call, found } = failed;
  if (fallback === undefined || job.data.undo === true) return null;
  const n = (job.data.alt?.n ?? 0) + 1;
  if (n <= fallback.tools.length) {
    const handed = { n, attempts, error };
    // Written first: a job that is started again after this does not call its tool once more.
    await job.updateData({ ...job.data, handed });
    return { handed, call };
  }
  if (!fallback.cache || found === undefined) return null;
  const input = await ownInput(candidate, found);
  const kept = await recall(candidate, input, attempts, found, Number.POSITIVE_INFINITY);
  return kept === null || call === undefined ? kept : { ...kept, call };
}

/**
 * Adds the alternative that a job has handed its call on to, and waits for it. Doing that again is harmless.
 * The job of an alternative that hands on in turn has nothing to wait for.
 */
export async function awaitAlternative(
  candidate: Candidate,
  handed: HandedOn,
  call?: Call,
): Promise<Exit> {
  const { engine, job, workflow, address } = candidate;
  const { runId, stepId, item } = job.data;
  const field = FIELDS.record(stepId, item);
  const [text, ...told] = await engine.ledger.read(runId, [field, ...ABOUT]);
  const before = parseStepRecord(text);
  if (before.finishedAtMs !== null) {
    // Where its tool takes nothing nobody has looked at its mark.
    await engine.gate.passed([String(job.id)]);
    return ended(before);
  }
  const { attempts, error } = handed;
  const noted = await engine.ledger.retry(address, attempts, error, call);
  await callGranted(engine, workflow.definition, job.data, noted.granted);
  if (noted.status === "abort") {
    const reason = "the run is being stopped";
    return record(candidate, { outcome: "cancelled", attempts, reason });
  }
  const { priority, keys } = aboutOf(job.data, told);
  const run = { definition: workflow.definition, address: job.data, keys };
  const own = jobOf(run, { stepId, ...given({ item }) });
  const isOwn = job.data.alt === undefined;
  // When it is entered again it only finishes.
  if (isOwn) await engine.gate.pass([own]);
  const data = dataOf(candidate, handed);
  const alternative = jobOf(run, data);
  await engine.queues.get(alternative.queue).add(`${job.name} (${alternative.queue})`, data, {
    ...childOptions(alternative.jobId),
    priority,
    parent: { id: own.jobId, queue: engine.queues.qualified(own.queue) },
  });
  if (!isOwn) return GONE;
  return { kind: "children", otherwise: () => endIfGone(candidate, field) };
}

function dataOf({ job, step }: Candidate, { n, attempts }: HandedOn): StepJob {
  const { tools = [], cache = false } = step.definition.fallback ?? {};
  return {
    ...plainData(job.data),
    ...given({ links: job.data.links, last: job.data.last }),
    alt: { n, before: attempts },
    // The last way of all waits for its tool like any other call.
    ...(n < tools.length || cache ? { falls: true } : {}),
  };
}

/** No alternative is left: it has ended the step, or somebody removed its job. */
async function endIfGone({ engine, address }: Candidate, field: string): Promise<Exit> {
  const [text] = await engine.ledger.read(address.runId, [field]);
  const before = parseStepRecord(text);
  if (before.finishedAtMs !== null) return ended(before);
  const committed = await engine.ledger.commit(
    { ...address, start: LAST_START },
    {
      outcome: "failed",
      attempts: before.attempts,
      error: { code: "internal_error", message: "the job of its alternative was removed" },
      dead: true,
    },
  );
  return "record" in committed ? ended(committed.record) : GONE;
}

/** Whether a job stands for an alternative of its step. */
export const isAlternative = ({ data }: Job<StepJob>): boolean => data.alt !== undefined;
