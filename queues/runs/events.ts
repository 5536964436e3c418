import type { Redis } from "ioredis";

import { withinDeadline } from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { partOf, shownAs } from "./record/part-names.ts";
import { parseStepRecord, type RunState, type StepRecord } from "./record/run-record.ts";

/** One transition, sent as soon as it is written. */
export type Transition =
  | {
      readonly type: "step";
      readonly shown: string;
      /** It concerns the compensation of the step. */
      readonly undo?: true;
      readonly record: StepRecord;
    }
  | { readonly type: "run"; readonly state: RunState }
  /** The connection was lost and transitions may be missing, so read the record again. */
  | { readonly type: "gap" };

/** What a transition is about: a step, an item (`each[3]`), or the compensation of either (sent as `each.3.undo`). */
function subjectOf(word: string): { readonly shown: string; readonly undo?: true } {
  if (!word.endsWith(".undo")) return { shown: word };
  const { stepId, item } = partOf(word);
  return { shown: shownAs(stepId, item), undo: true };
}

type Listener = (transition: Transition) => void;

/**
 * Transitions of runs over Redis pub/sub. They are only a hint; the run's record is the truth, and a listener that
 * joins late reads it there.
 */
export class RunEvents {
  readonly #subscriber: Redis;
  readonly #keys: Keys;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(subscriber: Redis, keys: Keys) {
    this.#subscriber = subscriber;
    this.#keys = keys;
    subscriber.on("message", (channel: string, message: string) => this.#deliver(channel, message));
    subscriber.on("ready", () => void this.#resume());
  }

  /**
   * Listens to a run's transitions from the moment the promise resolves until the returned function is called.
   *
   * @throws TuttiError `redis_unavailable` after 5 s.
   */
  async listen(runId: string, listener: Listener): Promise<() => Promise<void>> {
    const channel = this.#keys.events(runId);
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(listener));
    const stop = async (): Promise<void> => {
      listeners.delete(listener);
      if (listeners.size > 0 || !this.#listeners.delete(channel)) return;
      if (this.#subscriber.status === "ready") await this.#subscriber.unsubscribe(channel);
    };
    try {
      await withinDeadline(this.#subscriber.subscribe(channel), this.#subscriber);
    } catch (thrown) {
      await stop();
      throw thrown;
    }
    return stop;
  }

  /** After a lost connection: subscribes again before it tells everybody to read the record. */
  async #resume(): Promise<void> {
    const channels = [...this.#listeners.keys()];
    if (channels.length === 0) return;
    try {
      await this.#subscriber.subscribe(...channels);
      this.#tellAll({ type: "gap" });
    } catch {
      // The connection is lost again; another "ready" will follow.
    }
  }

  #deliver(channel: string, message: string): void {
    const listeners = this.#listeners.get(channel);
    if (listeners === undefined) return;
    const [kind, first = "", ...rest] = message.split("\n");
    const transition: Transition =
      kind === "r"
        ? { type: "run", state: first as RunState }
        : { type: "step", ...subjectOf(first), record: parseStepRecord(rest.join("\n")) };
    for (const listener of listeners) listener(transition);
  }

  #tellAll(transition: Transition): void {
    for (const listeners of this.#listeners.values())
      for (const listener of listeners) listener(transition);
  }
}
