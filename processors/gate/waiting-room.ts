/** The workers of one process that were refused, by tool: each waits for a call, or for a time. */
export class WaitingRoom {
  readonly #waiting = new Map<string, Set<() => void>>();
  /** Tools that were called between asking and waiting. */
  readonly #called = new Set<string>();
  #closed = false;

  /** Somebody is about to ask: what was called before is old. */
  enter(tool: string): void {
    this.#called.delete(tool);
  }

  /** Waits for a call, `ms` at most. */
  wait(tool: string, ms: number): Promise<void> {
    if (this.#closed || this.#called.delete(tool)) return Promise.resolve();
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(tool) ?? new Set();
      this.#waiting.set(tool, waiting);
      const go = (): void => {
        clearTimeout(timer);
        waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, ms);
      waiting.add(go);
    });
  }

  call(tool: string): void {
    const waiting = this.#waiting.get(tool);
    if (waiting === undefined || waiting.size === 0) this.#called.add(tool);
    else for (const go of waiting) go();
  }

  callAll(): void {
    for (const tool of this.#waiting.keys()) this.call(tool);
  }

  /** Nobody will wait for this queue any more. */
  forget(tool: string): void {
    this.call(tool);
    this.#waiting.delete(tool);
    this.#called.delete(tool);
  }

  close(): void {
    this.#closed = true;
    this.callAll();
  }
}
