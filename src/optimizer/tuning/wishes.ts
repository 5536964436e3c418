import type { Digest } from "../findings/digest.ts";
import type { Adjustment, Declined, Room, Wish } from "./adjustment.ts";
import { measure, type Measured } from "./judge.ts";
import { LEAST_BEFORE, waited, windowsBefore } from "./raise.ts";
import type { TuningState } from "./state.ts";

/** The next change that was asked for. */
export interface NextWish {
  /** What is still asked for. */
  readonly wishes: readonly Wish[];
  /** Null: too little was seen since the last change. */
  readonly adjustment: Adjustment | null;
  readonly before: readonly Measured[];
  /** Wishes that cannot be granted any more. */
  readonly dropped: readonly Declined[];
}

/** The first change that was asked for and that can be made; those that cannot are dropped. Null: nothing is asked for. */
export function nextWish(
  { wishes = [], desired, lastId, changedAtMs }: TuningState,
  windows: readonly Digest[],
  room: Room,
): NextWish | null {
  if (wishes.length === 0) return null;
  const dropped: Declined[] = [];
  let id = lastId;
  for (const [index, { tool, to, why, target, by }] of wishes.entries()) {
    const own = room[tool];
    const from = own?.concurrency ?? 0;
    const adjustment = (value: number): Adjustment => ({
      id: id + 1,
      tool,
      what: "concurrency",
      from,
      to: value,
      why,
      asked: { target, by },
      atMs: windows.at(-1)?.atMs ?? 0,
    });
    const value = Math.min(to, own?.max ?? to);
    const reason = obstacleOf(own, value);
    if (reason !== null) {
      dropped.push({ adjustment: adjustment(value), reason });
      id++;
      continue;
    }
    const rest = { wishes: wishes.slice(index), dropped };
    const busy = waited(windows, tool, changedAtMs);
    const before =
      busy.length >= LEAST_BEFORE
        ? busy
        : windowsBefore(windows, changedAtMs).map((one) => measure(one, tool));
    // What was changed before may not have reached the gate yet.
    const isReady = before.length >= LEAST_BEFORE && from === (desired[tool] ?? own?.declared);
    if (!isReady) return { ...rest, adjustment: null, before };
    return { ...rest, wishes: rest.wishes.slice(1), adjustment: adjustment(value), before };
  }
  return { wishes: [], adjustment: null, before: [], dropped };
}

function obstacleOf(own: Room[string] | undefined, value: number): string | null {
  if (own === undefined) return "the tool has no concurrency of its own any more";
  if (own.isSet) return "somebody has set it by hand";
  return own.concurrency === value ? "it has as much already" : null;
}
