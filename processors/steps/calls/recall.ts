import { messageOf, type Json, type JsonObject } from "../../../config/index.ts";
import { FIELDS } from "../../../queues/index.ts";
import { type Ending, type KnownCall } from "../../../queues/worker.ts";
import { postconditionError } from "../decisions/conditions.ts";
import type { Found } from "../inputs.ts";
import type { Candidate } from "../pipeline/candidate.ts";

/** By what the result of a step's call is known. */
function known({ job, step }: Candidate, input: JsonObject): KnownCall {
  const { tool, cache } = step.definition;
  return { tool, version: cache?.version ?? "", tenant: job.data.tenant, input };
}

/**
 * The ending that a kept result gives, when there is one that is no older than `maxAgeMs` and of which the
 * step's postconditions hold.
 */
export async function recall(
  candidate: Candidate,
  input: JsonObject,
  attempts: number,
  found: Found,
  maxAgeMs: number,
): Promise<Ending | null> {
  const { engine, job, step } = candidate;
  const kept = await engine.results.find(known(candidate, input));
  if (kept === null || kept.ageMs > maxAgeMs) return null;
  if (postconditionError(step, found, kept.output) !== null) return null;
  const { runId, stepId, item } = job.data;
  const { ageMs } = kept;
  const isOld = ageMs > (step.definition.cache?.ttlMs ?? 0);
  return {
    outcome: "completed",
    attempts,
    output: await engine.values.draft(runId, FIELDS.output(stepId, item), kept.output),
    source: { cached: true, ...(isOld ? { stale: true } : {}), ageMs },
  };
}

/** Keeps what a call returned, if its step asks for that. The call is made: not keeping it fails nothing. */
export async function keepResult(
  candidate: Candidate,
  input: JsonObject,
  output: Json,
): Promise<void> {
  const { engine, step } = candidate;
  const { cache } = step.definition;
  if (cache === undefined) return;
  try {
    await engine.results.keep(known(candidate, input), output, cache.staleMs);
  } catch (thrown) {
    engine.log.warn({ error: messageOf(thrown) }, "a result was not kept");
  }
}
