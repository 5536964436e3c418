interface Customer {
  /** The service's own time at which it has had its share. */
  readonly endsAt: number;
  readonly done: () => void;
}

/** One server that `knee` customers have to themselves and that more of them share evenly. */
export class SharedService {
  readonly #knee: number;
  readonly #customers: Customer[] = [];
  /** How much service everybody who was there all the time has had. Milliseconds. */
  #served = 0;
  #sinceMs = performance.now();
  #timer: NodeJS.Timeout | undefined;

  constructor(knee: number) {
    this.#knee = knee;
  }

  /** Resolves when the customer has had so much service. Milliseconds. */
  serve(ms: number): Promise<void> {
    this.#advance();
    const { promise, resolve } = withResolvers();
    this.#customers.push({ endsAt: this.#served + ms, done: resolve });
    this.#customers.sort((a, b) => a.endsAt - b.endsAt);
    this.#plan();
    return promise;
  }

  get #rate(): number {
    return Math.min(1, this.#knee / Math.max(1, this.#customers.length));
  }

  #advance(): void {
    const nowMs = performance.now();
    this.#served += (nowMs - this.#sinceMs) * this.#rate;
    this.#sinceMs = nowMs;
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const next = this.#customers[0];
    if (next === undefined) return;
    const waitMs = Math.max(0, (next.endsAt - this.#served) / this.#rate);
    this.#timer = setTimeout(() => {
      this.#advance();
      // A timer may ring a hair early.
      while (this.#customers[0] !== undefined && this.#customers[0].endsAt <= this.#served + 1)
        this.#customers.shift()!.done();
      this.#plan();
    }, waitMs);
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
