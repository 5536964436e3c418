import type { Ending } from "../../../queues/worker.ts";
import type { Found } from "../inputs.ts";
import { isAdmitted } from "../pipeline/candidate.ts";
import { putBack, resting } from "../pipeline/decide.ts";
import type { Exit } from "../pipeline/exit.ts";
import { failure } from "../pipeline/failure.ts";
import type { Work } from "./begin.ts";
import { fallBack, type HandOver } from "./fallback.ts";

/**
 * What becomes of a step that was let through without a permit, because it need not call its tool; null for one
 * that has its permit.
 */
export async function letThrough(
  work: Work,
  attempts: number,
  found: Found,
): Promise<Ending | Exit | HandOver | null> {
  const { engine, call, job, step, token } = work;
  if (!engine.keeper.cameFree({ id: job.id, token })) return null;
  const rest = isAdmitted(job.data) ? null : await resting(work);
  if (rest !== null) return rest;
  if (step.definition.fallback === undefined || job.data.falls !== true) return putBack(work);
  const message = `${call.tool} cannot be called: it is down, or asked to be left alone`;
  const error = { code: "tool_unavailable", message } as const;
  const next = await fallBack(work, { attempts, error, found });
  return next ?? failure(work, error, { attempts, kind: "transient" });
}
