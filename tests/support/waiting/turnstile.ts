import { eventually } from "./eventually.ts";

/** Where calls of a tool wait until the test lets them pass, so that no test has to guess how long something takes. */
export class Turnstile<T = string> {
  /** Calls that have come, in order. */
  readonly came: T[] = [];
  #open = false;
  readonly #waiting: (() => void)[] = [];

  /** Called by the tool. Ends early, with the reason, when the call is aborted. */
  async pass(who: T, signal: AbortSignal): Promise<void> {
    this.came.push(who);
    if (this.#open) return;
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push(resolve);
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  }

  /** Waits until so many calls have come. */
  async holds(count: number): Promise<void> {
    await eventually(() => {
      if (this.came.length < count) throw new Error(`${this.came.length} calls, not ${count}`);
    });
  }

  /** Waits until somebody waits here. */
  async blocks(): Promise<void> {
    await eventually(() => {
      if (this.#waiting.length === 0) throw new Error("nobody waits");
    });
  }

  /** Who comes from now on waits again. */
  shut(): void {
    this.#open = false;
  }

  /** Lets everybody pass, now and later. */
  open(): void {
    this.#open = true;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
