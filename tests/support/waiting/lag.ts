import { setTimeout as pause } from "node:timers/promises";

import type { Redis } from "ioredis";

/** Pause between two looks. Milliseconds. */
const LOOK_MS = 10;
/** A look may take this much longer without anything being wrong. Milliseconds. */
const USUAL_MS = 10;

/**
 * Measures how much time the machine loses: timers that ring late, a Redis that answers late. A bound on time that
 * grows with it says what it says on a quiet machine, and blames nobody for one that stands still.
 */
export class Lag implements AsyncDisposable {
  #lostMs = 0;
  #stopped = false;
  #look: Promise<void> = Promise.resolve();
  readonly #watching: Promise<void>;

  /** @param redis A server that matters for what is measured. */
  constructor(redis?: Redis) {
    this.#watching = this.#watch(redis);
  }

  /** All that was lost until now, together. Milliseconds. */
  async ms(): Promise<number> {
    // What stood still until a moment ago is only known when the present look has ended.
    await this.#look;
    return this.#lostMs;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#watching;
  }

  async #watch(redis?: Redis): Promise<void> {
    while (!this.#stopped) {
      this.#look = this.#once(redis);
      // One look after the other.
      await this.#look;
    }
  }

  async #once(redis?: Redis): Promise<void> {
    const from = performance.now();
    await pause(LOOK_MS);
    await redis?.ping();
    this.#lostMs += Math.max(0, performance.now() - from - LOOK_MS - USUAL_MS);
  }
}
