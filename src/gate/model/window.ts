import { guardMsOf } from "../../../queues/client.ts";

/** Units that a call has taken of a window. */
export interface Place {
  /** By when it has reached its service at the latest. */
  atMs: number;
  readonly units: number;
}

/** A rate window: at most so many units in any stretch of its length. */
export class Window {
  readonly max: number;
  readonly durationMs: number;
  /** The earliest first. */
  readonly #places: Place[] = [];
  #sum = 0;

  constructor(max: number, durationMs: number) {
    this.max = max;
    this.durationMs = durationMs;
  }

  /** When it has room for these units, which are no more than it has in all; 0: it has. */
  roomAt(units: number, nowMs: number): number {
    this.#forget(nowMs);
    let over = this.#sum + units - this.max;
    if (over <= 0) return 0;
    for (const place of this.#places) {
      over -= place.units;
      if (over <= 0) return place.atMs + this.durationMs + 1;
    }
    return nowMs + this.durationMs;
  }

  take(units: number, nowMs: number): Place {
    const place = { atMs: nowMs + guardMsOf(this.durationMs), units };
    this.#sum += units;
    this.#put(place);
    return place;
  }

  /** The call is over: it has arrived by now. */
  ended(place: Place, nowMs: number): void {
    if (place.atMs <= nowMs) return;
    this.#places.splice(this.#places.lastIndexOf(place), 1);
    place.atMs = nowMs;
    this.#put(place);
  }

  #put(place: Place): void {
    let at = this.#places.length;
    while (at > 0 && this.#places[at - 1]!.atMs > place.atMs) at--;
    this.#places.splice(at, 0, place);
  }

  #forget(nowMs: number): void {
    while (this.#places[0] !== undefined && this.#places[0].atMs <= nowMs - this.durationMs)
      this.#sum -= this.#places.shift()!.units;
  }
}
