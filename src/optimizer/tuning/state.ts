import type { Adjustment, Room, ToolRoom, Wish } from "./adjustment.ts";
import type { Measured } from "./judge.ts";
/** After a change that proved nothing the tool is left alone for so many windows, twice as many after the next, up to the maximum. */
const REST_WINDOWS = 12;
const REST_WINDOWS_MAX = 384;

/** A change whose effect is being measured. */
export interface Trial {
  readonly adjustment: Adjustment;
  readonly before: Measured;
  readonly after: readonly Measured[];
}

/** What is remembered of the changes that were made: plain JSON. */
export interface TuningState {
  /** The last id that was given. */
  readonly lastId: number;
  /** What each tool should have, where that is not what its catalogue declares. */
  readonly desired: Readonly<Record<string, number>>;
  /** Tools that should have less than their catalogue declares, with what it declared then. */
  readonly lowered?: Readonly<Record<string, number>>;
  /** Changes that somebody asked for, and that are still to be made. */
  readonly wishes?: readonly Wish[];
  /** One at a time: of two changes nobody could tell which of them did it. */
  readonly trial: Trial | null;
  /** When something was changed last; 0: nothing was. Redis' clock, milliseconds. */
  readonly changedAtMs: number;
  /** Tools that are left alone: for how many windows more, and how many it was. */
  readonly resting: Readonly<Record<string, readonly [left: number, length: number]>>;
}

export const NOTHING_TUNED: TuningState = {
  lastId: 0,
  desired: {},
  trial: null,
  changedAtMs: 0,
  resting: {},
};

/** Takes an adjustment back by hand; the tool is left alone for as long as can be. Null: it is not in force. */
export function rollBack(
  state: TuningState,
  adjustment: Adjustment,
  room: Room,
): TuningState | null {
  const { tool, from, to } = adjustment;
  const own = room[tool];
  if (own === undefined || own.isSet || (state.desired[tool] ?? own.declared) !== to) return null;
  return {
    ...desire(state, tool, from, own.declared),
    trial: state.trial?.adjustment.tool === tool ? null : state.trial,
    resting: { ...state.resting, [tool]: [REST_WINDOWS_MAX, REST_WINDOWS_MAX] },
  };
}

/** Whether a tool may be raised: its catalogue gives room, people have not set it, it does not rest. */
export function mayRaise({ resting, desired }: TuningState, tool: string, own: ToolRoom): boolean {
  const { concurrency, declared, max, isSet } = own;
  if (isSet || concurrency >= max || (resting[tool]?.[0] ?? 0) > 0) return false;
  // What was raised before may not have reached the gate yet.
  return concurrency === (desired[tool] ?? declared);
}

/** Gives a tool so many calls at once. */
export function desire(
  state: TuningState,
  tool: string,
  value: number,
  declared: number,
): TuningState {
  const { [tool]: _, ...lowered } = state.lowered ?? {};
  return {
    ...state,
    desired: { ...state.desired, [tool]: value },
    lowered: value < declared ? { ...lowered, [tool]: declared } : lowered,
  };
}

/** Everything back to what the catalogues declare, as changes of their own. */
export function withdraw(
  state: TuningState,
  room: Room,
  why: string,
  atMs: number,
): { readonly state: TuningState; readonly made: readonly Adjustment[] } {
  let { lastId } = state;
  const made = Object.entries(state.desired).flatMap(([tool, from]): Adjustment[] => {
    const to = room[tool]?.declared;
    if (to === undefined) return [];
    return [{ id: ++lastId, tool, what: "concurrency", from, to, why, atMs }];
  });
  return { made, state: { ...state, lastId, desired: {}, lowered: {}, wishes: [], trial: null } };
}

/** One window further: tools rest, and what is not the optimizer's any more is let go. */
export function advance(state: TuningState, room: Room): TuningState {
  return disown({ ...state, resting: rest(state.resting) }, room);
}

function rest(resting: TuningState["resting"]): TuningState["resting"] {
  const left: Record<string, readonly [number, number]> = {};
  for (const [tool, [windows, length]] of Object.entries(resting))
    // How long it was is remembered for as long again.
    if (windows > -length) left[tool] = [windows - 1, length];
  return left;
}

/**
 * What somebody set by hand, what is gone from the catalogue, and what its catalogue gives by itself now is the
 * optimizer's no more.
 */
function disown(state: TuningState, room: Room): TuningState {
  const desired: Record<string, number> = {};
  const lowered: Record<string, number> = {};
  const { trial } = state;
  for (const [tool, to] of Object.entries(state.desired)) {
    const own = room[tool];
    if (own === undefined || own.isSet) continue;
    const most = Math.min(to, own.max);
    const isLowered = most < own.declared && state.lowered?.[tool] === own.declared;
    if (isLowered) lowered[tool] = own.declared;
    // What goes back to what is declared is watched like any other change.
    const isTried =
      most === own.declared && trial?.adjustment.tool === tool && trial.adjustment.to === most;
    if (most > own.declared || isLowered || isTried) desired[tool] = most;
  }
  const isOn = trial !== null && desired[trial.adjustment.tool] === trial.adjustment.to;
  return { ...state, desired, lowered, trial: isOn ? trial : null };
}

/** For twice as long as the last time. */
export function leaveAlone(state: TuningState, tool: string): TuningState {
  const [, before = REST_WINDOWS / 2] = state.resting[tool] ?? [];
  const length = Math.min(REST_WINDOWS_MAX, 2 * before);
  return { ...state, resting: { ...state.resting, [tool]: [length, length] } };
}
