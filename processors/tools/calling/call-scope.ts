import { TuttiError } from "../../../config/index.ts";
import type { CancelSource } from "../../cancellation.ts";
import type { BindingContext, CallContext } from "./binding.ts";

/** What the caller of a tool gives; its signal need not be a whole AbortSignal. */
export type CallerContext = Omit<CallContext, "signal"> & { readonly signal: CancelSource };

/**
 * The time a call may live: until the caller aborts, the deadline passes or the bindings close.
 * Whatever comes first is `reason`, and that is what the call ends with.
 *
 * It is the context that tools see. Its signal is made when somebody asks for it: most functions never
 * do, and making one costs as much as all else that is done for a call.
 */
export class CallScope implements BindingContext {
  readonly runId: string;
  readonly stepId: string;
  readonly tenant: string;
  readonly actor: string;
  readonly correlationId: string;
  readonly attempt: number;
  readonly secret: (name: string) => string;
  readonly redact: (text: string) => string;
  private readonly outer: CancelSource;
  private readonly timer: NodeJS.Timeout;
  private controller: AbortController | undefined;
  private ended: { readonly reason: unknown } | undefined;
  private onAbort: ((reason: unknown) => void) | undefined;

  constructor(
    tool: string,
    context: CallerContext,
    timeoutMs: number,
    secret: (name: string) => string,
    redact: (text: string) => string = (text) => text,
  ) {
    this.runId = context.runId;
    this.stepId = context.stepId;
    this.tenant = context.tenant;
    this.actor = context.actor;
    this.correlationId = context.correlationId;
    this.attempt = context.attempt;
    this.secret = secret;
    this.redact = redact;
    this.outer = context.signal;
    this.timer = setTimeout(() => {
      const details = { tool, timeoutMs };
      this.abort(
        new TuttiError("tool_timeout", `${tool} took longer than ${timeoutMs} ms`, { details }),
      );
    }, timeoutMs);
    if (this.outer.aborted) this.cancel();
    else this.outer.addEventListener("abort", this.cancel);
  }

  get aborted(): boolean {
    return this.ended !== undefined;
  }

  get reason(): unknown {
    return this.ended?.reason;
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.ended !== undefined) this.controller.abort(this.ended.reason);
    return this.controller.signal;
  }

  /** Settles with the promise, or as soon as the scope ends: for work that does not look at the signal. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.onAbort = reject;
      // Rejecting what has settled does nothing, so a late failure of the work is heard here all the same.
      promise.then(resolve, reject);
      if (this.ended !== undefined) reject(this.ended.reason);
    });
  }

  close(): void {
    this.abort(new TuttiError("tool_unavailable", "the tool's binding was closed"));
  }

  /** Lets go of the timer and the caller's signal, which may live for long. */
  end(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener("abort", this.cancel);
  }

  private readonly cancel = (): void => this.abort(this.outer.reason);

  private abort(reason: unknown): void {
    if (this.ended !== undefined) return;
    this.ended = { reason };
    this.controller?.abort(reason);
    this.onAbort?.(reason);
  }
}

/** Settles with the promise, or as soon as the signal is aborted with its reason. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const settled = (): void => signal.removeEventListener("abort", abort);
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    // When the signal wins nobody else waits for the promise; its failure is heard here all the same.
    promise.then(resolve, reject).then(settled, settled);
  });
}
