import type { Job } from "bullmq";

import { given } from "../../../config/index.ts";
import type { StepJob } from "../../../queues/index.ts";
import { assertPayload, linksOf, type StepAddress } from "../../../queues/worker.ts";
import type { CompiledDefinition, CompiledStep } from "../definitions.ts";
import type { Engine } from "../engine.ts";

/** The job of a step, of one of its items, or of what undoes one, and what it is about. */
export interface Candidate {
  readonly engine: Engine;
  readonly job: Job<StepJob>;
  readonly workflow: CompiledDefinition;
  readonly step: CompiledStep;
  readonly address: StepAddress;
  readonly token: string | undefined;
}

/**
 * What a job is about; null when its run is gone.
 *
 * @throws TuttiError `payload_version`.
 */
export async function open(
  engine: Engine,
  job: Job<StepJob>,
  token: string | undefined,
): Promise<Candidate | null> {
  assertPayload(job.data);
  const workflow = await engine.definitions.get(job.data.hash);
  const step = workflow?.step(job.data.stepId);
  if (workflow === undefined || step === undefined) return null;
  return { engine, job, workflow, step, address: addressOf(engine, workflow, job), token };
}

/** More than a job is ever started. */
const ALTERNATIVE_STARTS = 1_000_000;

/** How the ledger addresses the step of a job. */
function addressOf(
  { maxRunning }: Engine,
  { definition }: CompiledDefinition,
  job: Job<StepJob>,
): StepAddress {
  const { runId, epoch, stepId, item, undo, alt, last } = job.data;
  return {
    runId,
    epoch,
    stepId,
    // The call of an alternative comes after all starts of the one before it.
    start: (alt?.n ?? 0) * ALTERNATIVE_STARTS + job.attemptsStarted,
    ...given({ item }),
    ...(undo === true ? { undo } : {}),
    ...given({ group: definition.steps[stepId]?.group }),
    links: linksOf(definition, job.data),
    ...(last === true ? { ends: { maxRunning } } : {}),
  };
}

/**
 * Whether a job's step was admitted before: the items of a forEach and the alternatives of a step with it, and what
 * undoes a call has nothing to ask.
 */
export const isAdmitted = ({ item, undo, alt }: StepJob): boolean =>
  item !== undefined || undo === true || alt !== undefined;
