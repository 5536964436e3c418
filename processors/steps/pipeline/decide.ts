import type { Ending } from "../../../queues/worker.ts";
import { preconditionError } from "../decisions/conditions.ts";
import { conditionFails, joinDecision } from "../decisions/join.ts";
import { readAgain, type Found } from "../inputs.ts";
import type { Candidate } from "./candidate.ts";
import type { Exit } from "./exit.ts";
import { failure } from "./failure.ts";
import { callGranted } from "./granted.ts";
import { endLost } from "./lost.ts";

/** A step whose dependencies have not ended looks again after this time. Milliseconds. */
const EARLY_MS = 1_000;

/**
 * Whether a step runs: the ending of one that its dependencies or its own `when` keep from running; null when
 * it runs. A step that begins before its dependencies have ended was released by hand: it looks again later.
 */
export async function decide(candidate: Candidate, found: Found): Promise<Ending | Exit | null> {
  const { engine, job, workflow, step } = candidate;
  const decision = joinDecision(
    step.definition,
    found.dependencies,
    (id) => workflow.definition.steps[id]?.optional === true,
  );
  switch (decision.kind) {
    case "skip":
      return { outcome: "skipped", attempts: 0, reason: decision.reason };
    case "early":
      if (await endLost(engine, workflow, job.data, decision.waitsFor))
        return decide(candidate, await readAgain(engine, job.data, step));
      return tooEarly(candidate, decision.waitsFor);
    case "run": {
      if (conditionFails(step, found))
        return { outcome: "skipped", attempts: 0, reason: "when is false" };
      const error = preconditionError(step, found);
      return error === null ? null : failure(candidate, error);
    }
  }
}

/** Takes the begin back of a step that somebody released before `waitsFor` had ended. */
export async function tooEarly(candidate: Candidate, waitsFor: string): Promise<Exit> {
  await takeBack(candidate);
  return { kind: "delayed", delayMs: EARLY_MS, reason: `waits for ${waitsFor}` };
}

/** The ending of an optional step whose tool rests at the level of the deployment; null when there is none. */
export async function resting({ engine, step }: Candidate): Promise<Ending | null> {
  const { optional, tool } = step.definition;
  const level = optional ? await engine.gate.restsAt(tool) : null;
  if (level === null) return null;
  return { outcome: "skipped", attempts: 0, reason: `the deployment works at level ${level}` };
}

/**
 * Puts a step back that was let through without a permit and has to call its tool after all: its begin is
 * taken back and it asks for one.
 */
export async function putBack(candidate: Candidate): Promise<Exit> {
  await takeBack(candidate);
  return { kind: "waiting", reason: "it waits for its permit" };
}

async function takeBack({ engine, job, workflow, address }: Candidate): Promise<void> {
  const granted = await engine.ledger.undo(address);
  await callGranted(engine, workflow.definition, job.data, granted);
}
