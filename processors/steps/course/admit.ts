import { DelayedError, WaitingError, type Job } from "bullmq";

import type { StepJob } from "../../../queues/index.ts";
import type { Ending, StepAddress } from "../../../queues/worker.ts";
import { preconditionError } from "../decisions/conditions.ts";
import { conditionFails, decide } from "../decisions/decide.ts";
import { consequencesOf } from "../decisions/policy.ts";
import type { CompiledDefinition, CompiledStep } from "../definitions.ts";
import type { Engine } from "../engine.ts";
import { readAgain, type Found } from "../inputs.ts";
import { callGranted } from "./aside.ts";
import { endLost } from "./lost.ts";

/** A step whose dependencies have not ended looks again after this time. Milliseconds. */
export const EARLY_MS = 1_000;

/** A step, or a whole forEach, that has begun and does not know yet whether it runs. */
export interface Candidate {
  readonly engine: Engine;
  readonly job: Job<StepJob>;
  readonly workflow: CompiledDefinition;
  readonly step: CompiledStep;
  readonly address: StepAddress;
  readonly token: string | undefined;
}

/**
 * The ending of a step that its dependencies or its own `when` keep from running; null when it runs.
 *
 * @throws DelayedError when a dependency has not ended, because somebody released the job by hand: its
 * begin is taken back and it looks again later.
 */
export async function skipped(candidate: Candidate, found: Found): Promise<Ending | null> {
  const { engine, job, workflow, step, address, token } = candidate;
  const decision = decide(
    step.definition,
    found.dependencies,
    (id) => workflow.definition.steps[id]?.optional === true,
  );
  switch (decision.kind) {
    case "skip":
      return { outcome: "skipped", attempts: 0, reason: decision.reason };
    case "early":
      if (await endLost(engine, workflow, job.data, decision.waitsFor))
        return skipped(candidate, await readAgain(engine, job.data, step));
      await callGranted(engine, workflow.definition, job.data, await engine.ledger.undo(address));
      await job.moveToDelayed(Date.now() + EARLY_MS, token);
      throw new DelayedError(`waits for ${decision.waitsFor}`);
    case "run": {
      if (conditionFails(step, found))
        return { outcome: "skipped", attempts: 0, reason: "when is false" };
      const error = preconditionError(step, found);
      if (error === null) return null;
      const consequences = consequencesOf(workflow.definition, address.stepId, "invalid");
      return { outcome: "failed", attempts: 0, error, dead: true, ...consequences };
    }
  }
}

/** The ending of an optional step whose tool rests at the level of the deployment; null when there is none (R74). */
export async function resting({ engine, step }: Candidate): Promise<Ending | null> {
  const { optional, tool } = step.definition;
  const level = optional ? await engine.gate.restsAt(tool) : null;
  if (level === null) return null;
  return { outcome: "skipped", attempts: 0, reason: `the deployment works at level ${level}` };
}

/**
 * Puts a step back that was let through without a permit and has to call its tool after all: its begin is
 * taken back and it asks for one.
 *
 * @throws WaitingError always.
 */
export async function putBack(candidate: Candidate): Promise<never> {
  const { engine, job, workflow, address, token } = candidate;
  await callGranted(engine, workflow.definition, job.data, await engine.ledger.undo(address));
  await job.moveToWait(token);
  throw new WaitingError("it waits for its permit");
}
