import {
  isOpen,
  type RunEvents,
  type RunState,
  type StepView,
  type Transition,
} from "../queues/index.ts";
import { stepView, type RunView } from "./run-view.ts";

/** How long nothing is heard of a run before its record is read again. Milliseconds. */
const LOOK_MS = 30_000;

/** What happens to a run. Steps come without their outputs. */
export type RunEvent =
  /** The run as it stood when the watch began, or after the connection was away. */
  | { readonly type: "snapshot"; readonly run: RunView }
  /** A step changed its state; items of a forEach are called `<id>[i]`. */
  | {
      readonly type: "step";
      readonly runId: string;
      readonly stepId: string;
      readonly step: StepView;
    }
  /** The run changed its state. An end is the last event. */
  | { readonly type: "run"; readonly runId: string; readonly state: RunState };

/** Follows one run: joins the record and the transitions into one stream without gaps. */
export class RunWatch implements AsyncIterable<RunEvent> {
  readonly #events: RunEvents;
  readonly #runId: string;
  readonly #read: () => Promise<RunView>;
  readonly #signal: AbortSignal | undefined;
  readonly #lookMs: number;

  /** `lookMs`: after this time without an event the record is read again. Milliseconds. */
  constructor(
    events: RunEvents,
    runId: string,
    read: () => Promise<RunView>,
    signal: AbortSignal | undefined,
    lookMs = LOOK_MS,
  ) {
    this.#events = events;
    this.#runId = runId;
    this.#read = read;
    this.#signal = signal;
    this.#lookMs = lookMs;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RunEvent, void, undefined> {
    const waiting: Transition[] = [];
    let wake = nothing;
    const nudge = (): void => wake();
    // Heard before it is read: whatever happens in between comes twice rather than never.
    const stop = await this.#events.listen(this.#runId, (transition) => {
      waiting.push(transition);
      nudge();
    });
    this.#signal?.addEventListener("abort", nudge);
    try {
      const run = await this.#read();
      yield { type: "snapshot", run };
      if (!isOpen(run.state)) return;
      while (this.#signal?.aborted !== true) {
        const next = waiting.shift();
        if (next === undefined) {
          const heard = await new Promise<boolean>((resolve) => {
            const timer = setTimeout(() => resolve(false), this.#lookMs).unref();
            wake = () => {
              clearTimeout(timer);
              resolve(true);
            };
            if (waiting.length > 0 || this.#signal?.aborted === true) wake();
          });
          if (heard) continue;
          // An event may be lost on its way: the record knows.
          const now = await this.#read();
          if (isOpen(now.state)) continue;
          yield { type: "snapshot", run: now };
          return;
        }
        const event = await this.#eventOf(next);
        yield event;
        if (endsWatch(event)) return;
      }
    } finally {
      this.#signal?.removeEventListener("abort", nudge);
      await stop();
    }
  }

  async #eventOf(transition: Transition): Promise<RunEvent> {
    const runId = this.#runId;
    switch (transition.type) {
      case "gap":
        return { type: "snapshot", run: await this.#read() };
      case "run":
        return { type: "run", runId, state: transition.state };
      case "step":
        return { type: "step", runId, stepId: transition.shown, step: stepView(transition.record) };
    }
  }
}

function endsWatch(event: RunEvent): boolean {
  switch (event.type) {
    case "snapshot":
      return !isOpen(event.run.state);
    case "run":
      return !isOpen(event.state);
    case "step":
      return false;
  }
}

function nothing(): void {}
