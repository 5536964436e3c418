import type { Logger } from "pino";

import { messageOf } from "../config/index.ts";

/** How often it is told that a trouble goes on. Milliseconds. */
const COUNT_MS = 60_000;

/** A trouble that was told, and how often it came since. */
interface LoggedTrouble {
  readonly where: Readonly<Record<string, string>>;
  readonly message: string;
  times: number;
}

/**
 * Tells of troubles that come again and again: the first at once, then how often it came in each minute. A
 * Redis that is away fails hundreds of commands a second in a worker with many queues.
 */
export class RepeatedLog {
  readonly #log: Logger;
  readonly #logged = new Map<string, LoggedTrouble>();
  readonly #timer: NodeJS.Timeout;

  constructor(log: Logger, countMs: number = COUNT_MS) {
    this.#log = log;
    this.#timer = setInterval(() => this.#count(countMs), countMs);
    this.#timer.unref();
  }

  /** @param where which queue or duty; the same trouble elsewhere is another one. */
  warn(where: Readonly<Record<string, string>>, thrown: unknown, message: string): void {
    const key = JSON.stringify([where, message, kindOf(thrown)]);
    const before = this.#logged.get(key);
    if (before !== undefined) {
      before.times++;
      return;
    }
    this.#logged.set(key, { where, message, times: 0 });
    this.#log.warn({ ...where, error: messageOf(thrown) }, message);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #count(countMs: number): void {
    for (const [key, { where, message, times }] of this.#logged) {
      if (times === 0) this.#logged.delete(key);
      else {
        this.#log.warn({ ...where, times, ms: countMs }, `${message}, again`);
        this.#logged.get(key)!.times = 0;
      }
    }
  }
}

/** What does not differ from one time to the next: numbers, hashes and addresses in a message do. */
function kindOf(thrown: unknown): string {
  const message = messageOf(thrown);
  return message.replaceAll(/[0-9a-f]{16,}|\d+/g, "#").slice(0, 80);
}
