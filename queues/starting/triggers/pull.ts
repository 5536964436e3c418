import { iso, contentHash, isTuttiError, given } from "../../../config/index.ts";
import type { ToolQueues } from "../../tools/tool-queues.ts";
import { startRegistered, type StartParts } from "../workflows/start.ts";
import { addDebounced, type TriggerJob } from "./emit.ts";
import type { EmittedEvent, TriggerRecord, Triggers, TriggerSpec } from "./triggers.ts";

/** What is needed to start the runs of triggers. */
export interface PullParts extends StartParts {
  readonly triggers: Triggers;
  readonly queues: ToolQueues;
}

/** Starts the run of a trigger. Returns the result of its event; null if there is nothing to do. */
export async function pullTrigger(
  parts: PullParts,
  jobId: string,
  job: TriggerJob,
): Promise<TriggerRecord | null> {
  const { triggers } = parts;
  const trigger = await triggers.find(job.triggerId);
  if (trigger === null) return null;
  if (job.event !== undefined) return pullWith(parts, trigger, job.event);
  const event = await triggers.claim(trigger.id, jobId);
  const record = event === null ? null : await pullWith(parts, trigger, event);
  // An event that came while this job was retried found the job and added none.
  if (await triggers.hasLatest(trigger.id)) await addDebounced(parts.queues, trigger);
  return record;
}

async function pullWith(
  parts: PullParts,
  trigger: TriggerSpec,
  event: EmittedEvent,
): Promise<TriggerRecord> {
  const about = { eventId: event.id, atMs: await parts.runs.now() };
  const record = { ...about, ...(await startRun(parts, trigger, event)) };
  await parts.triggers.note(trigger.id, record);
  return record;
}

async function startRun(
  parts: PullParts,
  { id, workflowId, hash, input, tenant, actor }: TriggerSpec,
  { id: eventId, name, data, emittedAtMs }: EmittedEvent,
): Promise<{ runId: string } | { reason: string }> {
  const runId = `t-${contentHash(JSON.stringify([id, eventId]))}`;
  const emittedAt = iso(emittedAtMs);
  try {
    const { added } = await startRegistered(parts, {
      workflowId,
      ...given({ hash }),
      runId,
      input: { ...input, event: { id: eventId, name, data, emittedAt } },
      identity: { tenant, actor, correlationId: eventId },
    });
    await added;
    return { runId };
  } catch (thrown) {
    if (!isTuttiError(thrown) || thrown.retryable) throw thrown;
    // Nobody else has this id, so the run exists, and the event came twice with different data.
    if (thrown.code === "run_conflict") return { runId };
    return { reason: `${thrown.code}: ${thrown.message}` };
  }
}
