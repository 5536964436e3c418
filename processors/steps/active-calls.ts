import type { Abort } from "../../queues/index.ts";
import { Cancellation, type CancelSource } from "./cancellation.ts";

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

/**
 * The tool calls that run in this process, by run, so that a run can be stopped wherever it is. The
 * calls of one run share one signal.
 */
export class ActiveCalls {
  readonly #runs = new Map<string, { readonly cancellation: Cancellation; calls: number }>();

  /** The signal for one call, and the function to give it back with. */
  open(runId: string): { readonly signal: CancelSource; readonly close: () => void } {
    let run = this.#runs.get(runId);
    if (run === undefined) {
      run = { cancellation: new Cancellation(), calls: 0 };
      this.#runs.set(runId, run);
    }
    run.calls++;
    const opened = run;
    return {
      signal: run.cancellation,
      close: () => {
        if (--opened.calls === 0) this.#runs.delete(runId);
      },
    };
  }

  /** Aborts all calls of a run. */
  abort(runId: string, abort: Abort): void {
    this.#runs.get(runId)?.cancellation.abort(new RunAborted(abort));
  }

  /** Aborts every call, so that its step goes back to its queue. */
  abandon(): void {
    for (const { cancellation } of this.#runs.values())
      cancellation.abort(new WorkerStops("the worker stops"));
  }

  /** Runs that have calls here. */
  runs(): string[] {
    return [...this.#runs.keys()];
  }
}
