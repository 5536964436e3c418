import { randomUUID } from "node:crypto";

import { contentHash, type Json } from "../../../config/index.ts";
import { CONTROL_QUEUES } from "../../names.ts";
import { BACKOFF } from "../../runs/flows.ts";
import { deliverEvent } from "../../runs/lifecycle/decide.ts";
import type { RunParts } from "../../runs/lifecycle/parts.ts";
import type { ToolQueues } from "../../tools/tool-queues.ts";
import type { EmittedEvent, Triggers, TriggerSpec } from "./triggers.ts";

/** A job that starts the run of a trigger; without an event it takes the trigger's latest one. */
export interface TriggerJob {
  readonly triggerId: string;
  readonly event?: EmittedEvent;
}

/** What emitting needs. */
export interface EmitParts extends RunParts {
  readonly triggers: Triggers;
  readonly queues: ToolQueues;
}

/** What is said to have happened. */
export interface EventRequest {
  readonly name: string;
  readonly data: Json;
  /** The same key is the same event. */
  readonly key?: string;
  /** Whose triggers and runs hear it. */
  readonly tenant: string;
  /** Who says so. */
  readonly actor: string;
}

/** What became of an event. */
export interface Emitted {
  readonly eventId: string;
  /** The same key was emitted before; nothing happened now. */
  readonly duplicate: boolean;
  /** Ids of the triggers that heard it. */
  readonly triggers: readonly string[];
  /** Ids of the runs in which a step waited for it. */
  readonly runs: readonly string[];
}

/** Ended jobs that are kept for Bull Board. */
const JOBS_KEPT = 100;

/**
 * Delivers an event to the triggers and the waiting steps of its tenant. A crash in the middle delivers it to some; emitting it again with
 * the same key delivers it to the others and starts nothing twice.
 */
export async function emitEvent(parts: EmitParts, request: EventRequest): Promise<Emitted> {
  const { name, data, key, tenant, actor } = request;
  const id = key === undefined ? randomUUID() : contentHash(JSON.stringify([tenant, name, key]));
  if (key !== undefined && (await parts.triggers.isDelivered(id)))
    return { eventId: id, duplicate: true, triggers: [], runs: [] };
  const event = { id, name, data, emittedAtMs: await parts.runs.now() };
  const all = await parts.triggers.all();
  const heard = all.filter((trigger) => trigger.event === name && trigger.tenant === tenant);
  for (const trigger of heard) await pull(parts, trigger, event);
  const runs = await deliverEvent(parts, { name, data, by: actor, tenant });
  if (key !== undefined) await parts.triggers.setDelivered(id);
  return { eventId: id, duplicate: false, triggers: heard.map((one) => one.id), runs };
}

async function pull(parts: EmitParts, trigger: TriggerSpec, event: EmittedEvent): Promise<void> {
  if (trigger.debounceMs > 0) {
    await parts.triggers.setLatest(trigger.id, event);
    await addDebounced(parts.queues, trigger);
    return;
  }
  const data: TriggerJob = { triggerId: trigger.id, event };
  await parts.queues
    .get(CONTROL_QUEUES.trigger)
    .add(trigger.id, data, { ...JOB, jobId: `${trigger.id}.${event.id}` });
}

/**
 * Adds the job that will take the latest event of a trigger, unless one is there. It comes when the time
 * is over that began with the first event: a steady stream of events could put off for ever a job that
 * each of them delays. While one runs, BullMQ adds the next when it has ended (`keepLastIfActive`).
 */
export async function addDebounced(queues: ToolQueues, trigger: TriggerSpec): Promise<void> {
  const data: TriggerJob = { triggerId: trigger.id };
  await queues.get(CONTROL_QUEUES.trigger).add(trigger.id, data, {
    ...JOB,
    delay: trigger.debounceMs,
    deduplication: { id: trigger.id, keepLastIfActive: true },
  });
}

/** Tried without limit: an event that was accepted is not lost. */
const JOB = {
  attempts: 1_000_000,
  backoff: { type: BACKOFF },
  removeOnComplete: JOBS_KEPT,
  removeOnFail: JOBS_KEPT,
};
