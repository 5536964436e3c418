import { LRUCache } from "lru-cache";

import type { Abort } from "../../queues/index.ts";
import { Cancellation, type CancelSource } from "../cancellation.ts";

/** Why a call was aborted, for those who read `signal.reason`. */
export class RunAborted extends Error {
  override readonly name = "RunAborted";
  readonly abort: Abort;

  constructor(abort: Abort) {
    super(abort.reason);
    this.abort = abort;
  }
}

/** The worker stops and its time is over: the step is left to another. */
export class WorkerStops extends Error {
  override readonly name = "WorkerStops";
}

/** A step that began when its job was taken may come here so long after its run was stopped, and has to know. Milliseconds. */
const REMEMBERED_MS = 10_000;

interface Running {
  readonly cancellation: Cancellation;
  readonly groups: Map<string, Cancellation>;
  calls: number;
}

/**
 * The tool calls that run in this process, by run and group, so that a run can be stopped wherever it
 * is. The calls of one run, or of one group of it, share one signal.
 */
export class ActiveCalls {
  readonly #runs = new Map<string, Running>();
  /** Aborts that were told lately, of runs that had no call here. */
  readonly #told = new LRUCache<string, readonly Abort[]>({ max: 10_000, ttl: REMEMBERED_MS });
  #opened = 0;

  /** The number among all calls of this process that one will have whose step begins before {@link open}. */
  reserve(): number {
    return ++this.#opened;
  }

  /**
   * The signal for one call, the function to give it back with, and its number among all calls of this process.
   *
   * @param number when it was reserved: the step has begun, and what was told since concerns it.
   */
  open(
    runId: string,
    group?: string,
    number?: number,
  ): { readonly signal: CancelSource; readonly number: number; readonly close: () => void } {
    let run = this.#runs.get(runId);
    if (run === undefined) {
      run = { cancellation: new Cancellation(), groups: new Map(), calls: 0 };
      this.#runs.set(runId, run);
    }
    run.calls++;
    const opened = run;
    let signal = run.cancellation;
    if (group !== undefined) {
      signal = run.groups.get(group) ?? new Cancellation();
      run.groups.set(group, signal);
      // Who comes between the end of the run and its own has to know.
      if (run.cancellation.aborted) signal.abort(run.cancellation.reason);
    }
    if (number !== undefined)
      for (const abort of this.#told.get(runId) ?? []) this.abort(runId, abort);
    return {
      signal,
      number: number ?? this.reserve(),
      close: () => {
        if (--opened.calls === 0) this.#runs.delete(runId);
      },
    };
  }

  /** Aborts all calls of a run, or of the group that the abort names. */
  abort(runId: string, abort: Abort): void {
    const run = this.#runs.get(runId);
    if (run === undefined) {
      this.#told.set(runId, [...(this.#told.get(runId) ?? []), abort]);
      return;
    }
    if (abort.group === undefined) stop(run, new RunAborted(abort));
    else run.groups.get(abort.group)?.abort(new RunAborted(abort));
  }

  /** Aborts every call, so that its step goes back to its queue. */
  abandon(): void {
    for (const run of this.#runs.values()) stop(run, new WorkerStops("the worker stops"));
  }

  /** Runs that have calls here, with their groups. */
  runs(): { readonly runId: string; readonly groups: readonly string[] }[] {
    return [...this.#runs].map(([runId, { groups }]) => ({ runId, groups: [...groups.keys()] }));
  }
}

function stop(run: Running, reason: Error): void {
  run.cancellation.abort(reason);
  for (const group of run.groups.values()) group.abort(reason);
}
