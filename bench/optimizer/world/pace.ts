import { availableParallelism, loadavg } from "node:os";

import { quantile } from "../../statistics.ts";

/** How often a clock is looked at. Milliseconds. */
const TICK_MS = 250;
/** What 95 of 100 ticks may be late, and what part of the passes of the optimizer. */
const BEARABLE = { lagMs: 1_500, late: 0.15 };
/** Players that one free core carries. */
const PLAYERS_PER_CORE = 1.5;

/** Whether a play held its scale of time. */
export interface PaceKept {
  /** What 95 of 100 ticks of its clock were late. Milliseconds of its time. */
  readonly lagP95Ms: number;
  /** Share of the optimizer's passes that came late. */
  readonly latePasses: number;
  /** It was so late that what was seen says nothing about what was to be measured. */
  readonly isVoid: boolean;
}

/** Measures whether a play holds its scale of time: ticks that come late, and passes of the optimizer that do. */
export class Pace {
  readonly #lags: number[] = [];
  readonly #timer: NodeJS.Timeout;
  #dueMs = performance.now() + TICK_MS;
  #passes = 0;
  #late = 0;

  constructor() {
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      this.#lags.push(Math.max(0, nowMs - this.#dueMs));
      this.#dueMs = nowMs + TICK_MS;
    }, TICK_MS);
  }

  /** The optimizer passed, and said whether it was late. */
  passed(isLate: boolean): void {
    this.#passes++;
    if (isLate) this.#late++;
  }

  end(): PaceKept {
    clearInterval(this.#timer);
    const lagP95Ms = Math.round(quantile(this.#lags, 0.95) ?? 0);
    const latePasses = this.#passes === 0 ? 1 : this.#late / this.#passes;
    return {
      lagP95Ms,
      latePasses: Number(latePasses.toFixed(3)),
      isVoid: lagP95Ms > BEARABLE.lagMs || latePasses > BEARABLE.late,
    };
  }
}

/** How many play at the same time: as many as the machine carries, fewer when one of them could not hold its time. */
export class Crew {
  #size: number;

  /** @param most More are not asked for. Without `fixed` fewer where the machine has other things to do. */
  constructor(most: number, fixed = false) {
    const free = availableParallelism() - loadavg()[0]!;
    const carried = Math.max(1, Math.round(PLAYERS_PER_CORE * free));
    this.#size = fixed ? most : Math.min(most, carried);
  }

  get size(): number {
    return this.#size;
  }

  narrow(): void {
    this.#size = Math.max(1, this.#size - 1);
  }
}
