import { randomUUID } from "node:crypto";

import { contentHash, type Json } from "../../../config/index.ts";
import { CONTROL_QUEUES } from "../../names.ts";
import { BACKOFF } from "../../runs/flows.ts";
import { deliverEvent } from "../../runs/lifecycle/decide.ts";
import type { RunParts } from "../../runs/lifecycle/parts.ts";
import type { ToolQueues } from "../../tools/tool-queues.ts";
import type { EmittedEvent, Triggers, TriggerSpec } from "./triggers.ts";

/** A job that starts the run of a trigger. Without an event it takes the trigger's latest one. */
export interface TriggerJob {
  readonly triggerId: string;
  readonly event?: EmittedEvent;
}

/** What is needed to emit events. */
export interface EmitParts extends RunParts {
  readonly triggers: Triggers;
  readonly queues: ToolQueues;
}

/** A request to emit an event. */
export interface EventRequest {
  readonly name: string;
  readonly data: Json;
  /** The same key is the same event. */
  readonly key?: string;
  /** The tenant whose triggers and runs get it. */
  readonly tenant: string;
  /** Who emits it. */
  readonly actor: string;
}

/** The result of emitting an event. */
export interface Emitted {
  readonly eventId: string;
  /** An event with the same key was emitted before, so nothing happened now. */
  readonly duplicate: boolean;
  /** Ids of the triggers that it fired. */
  readonly triggers: readonly string[];
  /** Ids of the runs with a step that waited for it. */
  readonly runs: readonly string[];
}

/** Ended jobs kept for Bull Board. */
const JOBS_KEPT = 100;

/**
 * Delivers an event to the triggers and the waiting steps of its tenant. A crash in the middle delivers it to some.
 * Emitting it again with the same key delivers it to the others and starts nothing twice.
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
 * Adds the job that takes the latest event of a trigger, unless one is there. It comes after the time that began with
 * the first event: if each event delayed the job, a steady stream could put it off forever. While one runs, BullMQ adds
 * the next when it has ended (`keepLastIfActive`).
 */
export async function addDebounced(queues: ToolQueues, trigger: TriggerSpec): Promise<void> {
  const data: TriggerJob = { triggerId: trigger.id };
  await queues.get(CONTROL_QUEUES.trigger).add(trigger.id, data, {
    ...JOB,
    delay: trigger.debounceMs,
    deduplication: { id: trigger.id, keepLastIfActive: true },
  });
}

/** Retried without limit: an accepted event is never lost. */
const JOB = {
  attempts: 1_000_000,
  backoff: { type: BACKOFF },
  removeOnComplete: JOBS_KEPT,
  removeOnFail: JOBS_KEPT,
};
