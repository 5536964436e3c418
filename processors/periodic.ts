/** Work that is done again and again. A turn that takes long is not overtaken by the next. */
export class Periodic {
  readonly #timer: NodeJS.Timeout;
  #turn: Promise<unknown> | undefined;

  /** @param work must not reject. */
  constructor(everyMs: number, work: () => Promise<unknown>) {
    this.#timer = setInterval(() => {
      this.#turn ??= work().finally(() => (this.#turn = undefined));
    }, everyMs);
    this.#timer.unref();
  }

  /** No further turn. Resolves when the one that is underway is over. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#turn;
  }
}
