import type { Abort } from "../queues/index.ts";

/** Why a call was aborted, for those who read `signal.reason`. */
export class RunAborted extends Error {
  override readonly name = "RunAborted";
  readonly abort: Abort;

  constructor(abort: Abort) {
    super(abort.reason);
    this.abort = abort;
  }
}

/** The tool calls that run in this process, by run, so that a run can be stopped wherever it is. */
export class ActiveCalls {
  readonly #calls = new Map<string, Set<AbortController>>();

  /** A signal for one call, and the function to give it back with. */
  open(runId: string): { signal: AbortSignal; close(): void } {
    const controller = new AbortController();
    const calls = this.#calls.get(runId) ?? new Set();
    this.#calls.set(runId, calls.add(controller));
    return {
      signal: controller.signal,
      close: () => {
        calls.delete(controller);
        if (calls.size === 0 && this.#calls.get(runId) === calls) this.#calls.delete(runId);
      },
    };
  }

  /** Aborts all calls of a run. */
  abort(runId: string, abort: Abort): void {
    for (const controller of this.#calls.get(runId) ?? []) controller.abort(new RunAborted(abort));
  }

  /** Runs that have calls here. */
  runs(): string[] {
    return [...this.#calls.keys()];
  }
}
