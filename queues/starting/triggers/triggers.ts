import type { Redis } from "ioredis";

import { quoted, TuttiError, type Json, type JsonObject } from "../../../config/index.ts";
import { defineScripts, script, type Commands } from "../../connection/index.ts";
import type { Keys } from "../../names.ts";
import { CLAIM_EVENT, NOTE_TRIGGER, PUT_TRIGGER, REMOVE_TRIGGER } from "./scripts/generated.ts";

/** A trigger as requested, with defaults filled in. */
export interface TriggerSpec {
  readonly id: string;
  /** Name of the events that fire it. */
  readonly event: string;
  readonly workflowId: string;
  /** The version to start. Default: the current one when the event comes. */
  readonly hash?: string;
  /** Input of the runs, in addition to `event`. */
  readonly input: JsonObject;
  /** Events within this time start one run, with the latest data. 0: each event starts a run. Milliseconds. */
  readonly debounceMs: number;
  readonly tenant: string;
  readonly actor: string;
}

/** An event as emitted. */
export interface EmittedEvent {
  readonly id: string;
  readonly name: string;
  readonly data: Json;
  readonly emittedAtMs: number;
}

/** The result of an event for a trigger. */
export interface TriggerRecord {
  readonly eventId: string;
  readonly atMs: number;
  readonly runId?: string;
  /** Why there is no run. */
  readonly reason?: string;
}

/** Everything stored about a trigger. */
export interface TriggerState {
  readonly spec: TriggerSpec;
  readonly started: number;
  readonly failed: number;
  readonly last: TriggerRecord | null;
}

const SCRIPTS = {
  put: script<[triggers: string, id: string, spec: string], number>(
    "tuttiPutTrigger",
    PUT_TRIGGER,
    {
      keys: 1,
      once: true,
    },
  ),
  remove: script<[triggers: string, trigger: string, id: string], number>(
    "tuttiRemoveTrigger",
    REMOVE_TRIGGER,
    { keys: 2, once: true },
  ),
  claim: script<[trigger: string, jobId: string], string | null>("tuttiClaimEvent", CLAIM_EVENT, {
    keys: 1,
  }),
  note: script<
    [
      triggers: string,
      trigger: string,
      id: string,
      eventId: string,
      counter: "started" | "failed",
      record: string,
    ],
    number
  >("tuttiNoteTrigger", NOTE_TRIGGER, { keys: 2 }),
};

/** How long the key of an event is remembered. Milliseconds. */
const EVENT_KEY_MS = 86_400_000;

/** The records of triggers and of the keys of events. */
export class Triggers {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Stores or replaces a trigger. True if it is new. */
  async put(spec: TriggerSpec): Promise<boolean> {
    const { triggers } = this.#keys;
    return (await this.#scripts.put(triggers, spec.id, JSON.stringify(spec))) === 1;
  }

  async find(id: string): Promise<TriggerSpec | null> {
    const text = await this.#redis.hget(this.#keys.triggers, id);
    return text === null ? null : (JSON.parse(text) as TriggerSpec);
  }

  /** All triggers, by id. */
  async all(): Promise<TriggerSpec[]> {
    const texts = await this.#redis.hvals(this.#keys.triggers);
    return texts
      .map((text) => JSON.parse(text) as TriggerSpec)
      .toSorted((a, b) => (a.id < b.id ? -1 : 1));
  }

  async state(spec: TriggerSpec): Promise<TriggerState> {
    const [started, failed, last] = await this.#redis.hmget(
      this.#keys.trigger(spec.id),
      "started",
      "failed",
      "last",
    );
    return {
      spec,
      started: Number(started ?? 0),
      failed: Number(failed ?? 0),
      last: last ? (JSON.parse(last) as TriggerRecord) : null,
    };
  }

  /** @throws TuttiError `trigger_not_found`. */
  async remove(id: string): Promise<void> {
    const { triggers } = this.#keys;
    if ((await this.#scripts.remove(triggers, this.#keys.trigger(id), id)) === 0) {
      throw new TuttiError("trigger_not_found", `there is no trigger ${quoted(id)}`);
    }
  }

  /** Makes this the latest event of a debounced trigger. */
  async setLatest(id: string, event: EmittedEvent): Promise<void> {
    await this.#redis.hset(this.#keys.trigger(id), "latest", JSON.stringify(event));
  }

  async hasLatest(id: string): Promise<boolean> {
    return (await this.#redis.hexists(this.#keys.trigger(id), "latest")) === 1;
  }

  /** Takes the latest event for a job. The same job always gets the same event. Null if another job took it. */
  async claim(id: string, jobId: string): Promise<EmittedEvent | null> {
    const text = await this.#scripts.claim(this.#keys.trigger(id), jobId);
    return text === null ? null : (JSON.parse(text) as EmittedEvent);
  }

  /** Notes the result of an event for a trigger. */
  async note(id: string, record: TriggerRecord): Promise<void> {
    await this.#scripts.note(
      this.#keys.triggers,
      this.#keys.trigger(id),
      id,
      record.eventId,
      record.runId === undefined ? "failed" : "started",
      JSON.stringify(record),
    );
  }

  /** Whether an event with this id was delivered to everybody. */
  async isDelivered(eventId: string): Promise<boolean> {
    return (await this.#redis.exists(this.#keys.event(eventId))) === 1;
  }

  async setDelivered(eventId: string): Promise<void> {
    await this.#redis.set(this.#keys.event(eventId), "1", "PX", EVENT_KEY_MS);
  }
}
