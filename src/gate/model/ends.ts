interface End<T> {
  readonly atMs: number;
  /** Of two at the same time the one that was added first comes first. */
  readonly order: number;
  readonly value: T;
}

const isBefore = (a: End<unknown>, b: End<unknown>): boolean =>
  a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;

/** What ends when, the first first: a binary heap. */
export class Ends<T> {
  readonly #heap: End<T>[] = [];
  #added = 0;

  /** Infinity: nothing ends. */
  get nextMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  /** Those that never end. */
  get endless(): readonly T[] {
    return this.#heap
      .filter(({ atMs }) => atMs === Infinity)
      .toSorted((a, b) => a.order - b.order)
      .map(({ value }) => value);
  }

  add(atMs: number, value: T): void {
    const end = { atMs, order: this.#added++, value };
    let at = this.#heap.length;
    this.#heap.push(end);
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (isBefore(this.#heap[above]!, end)) break;
      this.#heap[at] = this.#heap[above]!;
      at = above;
    }
    this.#heap[at] = end;
  }

  /** Takes out what has ended by then, one after another. */
  *until(atMs: number): Generator<T> {
    while (this.#heap[0] !== undefined && this.#heap[0].atMs <= atMs) yield this.#pop();
  }

  #pop(): T {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first.value;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below++;
      if (isBefore(last, heap[below]!)) break;
      heap[at] = heap[below]!;
      at = below;
    }
    heap[at] = last;
    return first.value;
  }
}
