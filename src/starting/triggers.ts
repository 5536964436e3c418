import * as z from "zod";

import {
  iso,
  checkPlainData,
  REFUSED_VALUE_KEYS,
  INLINE_VALUE_BYTES,
  TuttiError,
  ValidationError,
  type Issue,
  type Json,
  given,
} from "../../config/index.ts";
import {
  emitEvent,
  type Emitted,
  type EmitParts,
  type TriggerSpec,
  type TriggerState,
  type WorkflowRegistry,
} from "../../queues/client.ts";
import { checkForm, idForm, inputForm } from "../forms.ts";
import { MAX_KEY_CHARS } from "../runs/control/run-options.ts";

/** Longest time that events are gathered. Milliseconds. */
const MAX_DEBOUNCE_MS = 86_400_000;

const eventName = z
  .string()
  .regex(/^[A-Za-z0-9_.:-]{1,200}$/, "expected 1 to 200 characters of A-Z a-z 0-9 _ . : -");

/** A trigger as it is asked for. */
export const triggerForm = z.strictObject({
  id: idForm.describe(
    "1 to 64 characters of A-Z a-z 0-9 _ -. Adding the same id again replaces the trigger.",
  ),
  event: eventName.describe("Name of the events that it hears."),
  workflowId: z.string().min(1).max(200).describe("A registered workflow."),
  hash: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("The version to start. Default: whichever is current when the event comes."),
  input: inputForm
    .default({})
    .describe(
      "Input of the runs. `event` is added to it: `{id, name, data, emittedAt}`. Default: {}.",
    ),
  debounceMs: z
    .int()
    .min(0)
    .max(MAX_DEBOUNCE_MS)
    .default(0)
    .describe(
      "Events within this time make one run, with the latest data. Milliseconds. Default: 0, a run for each.",
    ),
  tenant: z
    .string()
    .min(1)
    .max(200)
    .default("default")
    .describe('Whose events it hears, and whom the runs belong to. Default: "default".'),
  actor: z
    .string()
    .min(1)
    .max(200)
    .default("unknown")
    .describe('Who the runs are started for. Default: "unknown".'),
});
export type TriggerForm = z.input<typeof triggerForm>;

/** A trigger with what happened to it. */
export interface TriggerView extends TriggerSpec {
  /** Events that started a run, and those that could not. */
  readonly counts: { readonly started: number; readonly failed: number };
  /** What became of the last event; null before the first. */
  readonly last: {
    readonly eventId: string;
    /** ISO 8601 with milliseconds. */
    readonly at: string;
    readonly runId?: string;
    /** Why there is no run. */
    readonly reason?: string;
  } | null;
}

/** What the doors of triggers and events work with. */
export interface TriggerDoorParts {
  readonly emit: EmitParts;
  readonly registry: WorkflowRegistry;
}

/** Workflows that start when something is said to have happened: `tutti.triggers`. Workers start them. */
export class TriggerDoor {
  readonly #parts: TriggerDoorParts;

  constructor(parts: TriggerDoorParts) {
    this.#parts = parts;
  }

  /**
   * Adds a trigger, or replaces the one of this id.
   *
   * @throws ValidationError `request_invalid` with every problem.
   * @throws TuttiError `workflow_not_found`.
   */
  async add(form: TriggerForm): Promise<{ id: string; created: boolean }> {
    const more: Issue[] = [];
    if (form.input !== undefined && form.input !== null && "event" in form.input) {
      const message = "expected no event in the input: that is where the event comes";
      more.push({ code: "request_invalid", message, path: ["input", "event"] });
    }
    const { hash, ...rest } = checkForm(triggerForm, form, more);
    const spec = { ...rest, ...given({ hash }) };
    const issues = checkPlainData(spec.input, INLINE_VALUE_BYTES, REFUSED_VALUE_KEYS);
    if (issues.length > 0)
      throw new ValidationError(
        issues.map((one) => ({ ...one, code: "input_invalid", path: ["input", ...one.path] })),
      );
    await this.#parts.registry.resolve(spec.workflowId, spec.hash);
    return { id: spec.id, created: await this.#parts.emit.triggers.put(spec) };
  }

  /** All triggers, by id. */
  async list(): Promise<TriggerView[]> {
    const { triggers } = this.#parts.emit;
    const all = await triggers.all();
    return (await Promise.all(all.map((spec) => triggers.state(spec)))).map(viewOf);
  }

  /**
   * Removes a trigger. Runs that it started go on; an event that it still gathers is dropped.
   *
   * @throws TuttiError `trigger_not_found`.
   */
  async remove(id: string): Promise<void> {
    await this.#parts.emit.triggers.remove(id);
  }

  /** Ids of the triggers that start this workflow. */
  async of(workflowId: string): Promise<string[]> {
    const all = await this.#parts.emit.triggers.all();
    return all.filter((one) => one.workflowId === workflowId).map((one) => one.id);
  }
}

export interface EmitOptions {
  /** The same key under the same name within a day is the same event, and does nothing again. */
  readonly key?: string | undefined;
  /** Whose triggers and runs hear it. Default: "default". */
  readonly tenant?: string | undefined;
  /** Who says so. Default: "unknown". */
  readonly actor?: string | undefined;
}

/** What happened outside: `tutti.events`. */
export class EventDoor {
  readonly #parts: TriggerDoorParts;

  constructor(parts: TriggerDoorParts) {
    this.#parts = parts;
  }

  /**
   * Says that something happened. The triggers of this name hear it, and the steps that wait for it.
   *
   * @param data what the runs get as `input.event.data`; at most 256 kB of JSON. Default: null.
   * @throws TuttiError `request_invalid`, `payload_too_large`, `redis_unavailable`.
   */
  async emit(name: string, data: Json = null, options: EmitOptions = {}): Promise<Emitted> {
    const { key, tenant = "default", actor = "unknown" } = options;
    checkForm(
      z.strictObject({ name: eventName, key: z.string().min(1).max(MAX_KEY_CHARS).optional() }),
      { name, ...given({ key }) },
    );
    const issues = checkPlainData(data, INLINE_VALUE_BYTES, REFUSED_VALUE_KEYS);
    if (issues.some((one) => one.code === "document_too_large")) {
      throw new TuttiError(
        "payload_too_large",
        `expected the data of an event to have at most ${INLINE_VALUE_BYTES} bytes of JSON`,
      );
    }
    if (issues.length > 0) {
      throw new ValidationError(
        issues.map((one) => ({ ...one, code: "request_invalid", path: ["data", ...one.path] })),
      );
    }
    const request = { name, data, tenant, actor, ...given({ key }) };
    return emitEvent(this.#parts.emit, request);
  }
}

function viewOf({ spec, started, failed, last }: TriggerState): TriggerView {
  if (last === null) return { ...spec, counts: { started, failed }, last };
  const { atMs, ...rest } = last;
  return {
    ...spec,
    counts: { started, failed },
    last: { ...rest, at: iso(atMs) },
  };
}
