import { setImmediate as nextTurn } from "node:timers/promises";

/** Longest time that others wait for the event loop. Milliseconds. */
const TURN_MS = 10;

/** Lets others run when a turn of work is over. */
export class Turns {
  private beganMs = performance.now();

  get over(): boolean {
    return performance.now() - this.beganMs > TURN_MS;
  }

  async pause(): Promise<void> {
    await nextTurn();
    this.beganMs = performance.now();
  }
}
