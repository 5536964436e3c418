import type { CancelSource } from "../cancellation.ts";

/** A step that lost its worker so often runs by itself from then on. */
export const SUSPECT_LOSSES = 2;

/**
 * Steps that may be what kills their workers, one at a time in each process: the one that does takes
 * no other with it, so that the others are not blamed for its deed.
 */
export class Suspects {
  #last: Promise<unknown> = Promise.resolve();

  /** Waits for this step's turn, or until it is aborted. Returns the function that ends the turn. */
  async turn(signal: CancelSource): Promise<() => void> {
    const before = this.#last;
    let end = (): void => {};
    const mine = new Promise<void>((resolve) => (end = resolve));
    this.#last = Promise.all([before, mine]);
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", resolve);
    });
    await Promise.race([before, aborted]);
    return end;
  }
}
