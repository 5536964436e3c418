import type { BudgetLimits, Reason } from "../../../queues/index.ts";
import { Window, type Place } from "./window.ts";

/** What a budget of the model has. */
export interface BudgetTerms extends BudgetLimits {
  /** An end of a call makes room for one more; not the first `firmFor` of them. */
  readonly grows?: boolean;
  readonly firmFor?: number;
}

/** A budget, and what is taken of it. */
export class BudgetModel {
  readonly #name: string;
  readonly #grows: boolean;
  readonly #windows: readonly Window[];
  #slots: number;
  #firm: number;
  #used = 0;

  constructor(name: string, { slots, rates = [], grows = false, firmFor = 0 }: BudgetTerms) {
    this.#name = name;
    this.#slots = slots ?? Infinity;
    this.#grows = grows;
    this.#firm = firmFor;
    this.#windows = rates.map(([max, durationMs]) => new Window(max, durationMs));
  }

  /** Hands every reason why a call must not take so much of it now to `no`. */
  refuse(slots: number, units: number, nowMs: number, no: (reason: Reason) => void): void {
    const budget = this.#name;
    const capacity = this.#slots;
    const free = capacity - this.#used;
    if (slots > capacity) no({ kind: "exceeds", budget, need: slots, capacity });
    // What is taken may be more than there is, when a limit has come down.
    else if (slots > free)
      no({ kind: "slots", budget, need: slots, free: Math.max(0, free), capacity });
    if (units === 0) return;
    for (const window of this.#windows) {
      const { max, durationMs } = window;
      if (units > max) {
        no({ kind: "exceeds", budget, need: units, capacity: max, durationMs });
        continue;
      }
      const untilMs = window.roomAt(units, nowMs);
      if (untilMs > nowMs) no({ kind: "rate", budget, untilMs, capacity: max, durationMs });
    }
  }

  /** The places that the call has in its windows. */
  take(slots: number, units: number, nowMs: number): readonly Place[] {
    this.#used += slots;
    return units === 0 ? [] : this.#windows.map((window) => window.take(units, nowMs));
  }

  giveBack(slots: number, places: readonly Place[], nowMs: number): void {
    this.#used -= slots;
    for (const [index, place] of places.entries()) this.#windows[index]!.ended(place, nowMs);
    if (!this.#grows) return;
    if (this.#firm > 0) this.#firm--;
    else this.#slots++;
  }
}
