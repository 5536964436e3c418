import { TuttiError } from "../../config/index.ts";

/**
 * The time a call may live: until the caller aborts, the deadline passes or the bindings close.
 * Whatever comes first is `signal.reason`, and that is what the call ends with.
 */
export class CallScope {
  private readonly controller = new AbortController();
  private readonly outer: AbortSignal;
  private readonly timer: NodeJS.Timeout;

  constructor(tool: string, outer: AbortSignal, timeoutMs: number) {
    this.outer = outer;
    this.timer = setTimeout(() => {
      this.controller.abort(
        new TuttiError("tool_timeout", `${tool} took longer than ${timeoutMs} ms`, {
          details: { tool, timeoutMs },
        }),
      );
    }, timeoutMs);
    if (outer.aborted) this.cancel();
    else outer.addEventListener("abort", this.cancel, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  close(): void {
    this.controller.abort(new TuttiError("tool_unavailable", "the tool's binding was closed"));
  }

  /** Lets go of the timer and the caller's signal, which may live for long. */
  end(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener("abort", this.cancel);
  }

  private readonly cancel = (): void => this.controller.abort(this.outer.reason);
}

/** Settles with the promise, or as soon as the signal is aborted with its reason. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    // When the signal wins nobody else waits for the promise; its failure is heard here all the same.
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
