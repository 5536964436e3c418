import { type RunEvents, type StepView, type Transition } from "../../../queues/client.ts";
import { isOpen, type RunState, type StepRecord, type TakeOver } from "../../../queues/index.ts";
import { compensated, type Compensated } from "./run-course.ts";
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
  /** What undoes a completed step or item went on: as in the run's `compensation`. */
  | { readonly type: "compensation"; readonly runId: string; readonly compensation: Compensated }
  /** The run changed its state. An end is the last event. */
  | { readonly type: "run"; readonly runId: string; readonly state: RunState };

/** What a watch reads of the record. */
export interface WatchReader {
  run(): Promise<RunView>;
  takeOvers(shown: string, record: StepRecord, undo: boolean): Promise<readonly TakeOver[]>;
  /** The tool that undoes a step. */
  undoTool(shown: string): Promise<string | undefined>;
}

/** Follows one run: joins the record and the transitions into one stream without gaps. */
export class RunWatch implements AsyncIterable<RunEvent> {
  readonly #events: RunEvents;
  readonly #runId: string;
  readonly #reader: WatchReader;
  /** Of steps that are not over: they stand in every event of theirs. */
  readonly #takeOvers = new Map<string, readonly TakeOver[]>();
  readonly #signal: AbortSignal | undefined;
  readonly #lookMs: number;

  /** `lookMs`: after this time without an event the record is read again. Milliseconds. */
  constructor(
    events: RunEvents,
    runId: string,
    reader: WatchReader,
    signal: AbortSignal | undefined,
    lookMs = LOOK_MS,
  ) {
    this.#events = events;
    this.#runId = runId;
    this.#reader = reader;
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
      const run = await this.#snapshot();
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
          const now = await this.#snapshot();
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
        return { type: "snapshot", run: await this.#snapshot() };
      case "run":
        return { type: "run", runId, state: transition.state };
      case "step":
        if (transition.undo === true)
          return { type: "compensation", runId, compensation: await this.#compensated(transition) };
        return {
          type: "step",
          runId,
          stepId: transition.shown,
          step: await this.#step(transition),
        };
    }
  }

  async #snapshot(): Promise<RunView> {
    const run = await this.#reader.run();
    for (const [id, { takeOvers }] of Object.entries(run.steps))
      if (takeOvers !== undefined) this.#takeOvers.set(id, takeOvers);
    for (const { step, takeOvers } of run.compensation ?? [])
      if (takeOvers !== undefined) this.#takeOvers.set(`undo ${step}`, takeOvers);
    return run;
  }

  async #step(transition: StepTransition): Promise<StepView> {
    const takeOvers = await this.#taken(transition);
    return stepView(transition.record, undefined, undefined, undefined, takeOvers);
  }

  async #compensated(transition: StepTransition): Promise<Compensated> {
    const { shown, record } = transition;
    const takeOvers = await this.#taken(transition);
    return compensated(shown, record, takeOvers, await this.#reader.undoTool(shown));
  }

  /** A transition says how many there were; what is known of them stands in the run's record. */
  async #taken({ shown, undo, record }: StepTransition): Promise<readonly TakeOver[]> {
    const key = undo === true ? `undo ${shown}` : shown;
    const known = this.#takeOvers.get(key) ?? [];
    if ((record.losses ?? 0) <= known.length) return known;
    const found = await this.#reader.takeOvers(shown, record, undo === true);
    this.#takeOvers.set(key, found);
    return found;
  }
}

type StepTransition = Extract<Transition, { type: "step" }>;

function endsWatch(event: RunEvent): boolean {
  switch (event.type) {
    case "snapshot":
      return !isOpen(event.run.state);
    case "run":
      return !isOpen(event.state);
    case "step":
    case "compensation":
      return false;
  }
}

function nothing(): void {}
