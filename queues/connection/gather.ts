/**
 * Calls underway at once. A single one would leave Redis idle while its answer is read; without a bound nothing would
 * gather.
 */
const MAX_UNDERWAY = 4;

/** An item that waits to be sent. */
interface Waiting<T, R> {
  readonly item: T;
  readonly weight: number;
  resolve(result: R): void;
  reject(error: unknown): void;
}

/**
 * Batches items that are added at about the same time. A few calls are underway, and what comes meanwhile goes with the
 * next. A single caller waits for nobody, and many callers cost few calls.
 */
export class Gather<T, R> {
  readonly #send: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #maxWeight: number;
  #waiting: Waiting<T, R>[] = [];
  #scheduled = false;
  #underway = 0;

  /** `maxWeight` bounds one call. An item that exceeds it alone goes alone. */
  constructor(maxWeight: number, send: (items: readonly T[]) => Promise<readonly R[]>) {
    this.#maxWeight = maxWeight;
    this.#send = send;
  }

  /** Settles with the item's own result, or with the failure of the call that carried it. */
  add(item: T, weight = 1): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, weight, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#underway >= MAX_UNDERWAY || this.#waiting.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#call(this.#take());
    });
  }

  #take(): Waiting<T, R>[] {
    let weight = 0;
    let count = 0;
    while (count < this.#waiting.length) {
      weight += this.#waiting[count]!.weight;
      if (count > 0 && weight > this.#maxWeight) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async #call(batch: readonly Waiting<T, R>[]): Promise<void> {
    this.#underway++;
    try {
      const results = await this.#send(batch.map(({ item }) => item));
      for (const [index, waiting] of batch.entries()) waiting.resolve(results[index]!);
    } catch (thrown) {
      for (const waiting of batch) waiting.reject(thrown);
    } finally {
      this.#underway--;
      this.#schedule();
    }
  }
}
