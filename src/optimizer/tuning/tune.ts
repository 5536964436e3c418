import type { Digest } from "../findings/digest.ts";
import type { Finding } from "../findings/finding.ts";
import type { Adjustment, Foretold, Judgement, Room } from "./adjustment.ts";
import { canProve, judge, measure, together, type Measured } from "./judge.ts";

/** Windows before a change that it is compared with. */
const BEFORE_WINDOWS = 6;
/** Only those in which jobs waited count: where nothing waits, more calls at once could not end more. So many are needed. */
const LEAST_BEFORE = 4;
const WAITED = 0.5;
/** A raise is by this part, and by 1 at least. */
const STEP = 0.5;
/** After a raise that proved nothing the tool is left alone for so many windows, twice as many after the next, up to the maximum. */
const REST_WINDOWS = 12;
const REST_WINDOWS_MAX = 384;

/** A change whose effect is being measured. */
interface Trial {
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

/** What a change may go by beside what was found. */
export interface Bounds {
  readonly room: Room;
  /** What the model says of raises, by tool. */
  readonly foretold?: Readonly<Record<string, Foretold>>;
  /** Nothing is changed: it is said what would be. */
  readonly dryRun?: boolean;
}

/** What a pass does. */
export interface Tuned {
  readonly state: TuningState;
  readonly made?: Adjustment;
  /** What would be made, were it not a dry run. */
  readonly proposed?: Adjustment;
  /** What the model says to be in vain: it is not made. */
  readonly declined?: Adjustment;
  readonly judged?: { readonly adjustment: Adjustment } & Judgement;
}

/**
 * The next change, or what becomes of the last one. A change is made where a finding says that a tool may not
 * run more calls at once, as far as its catalogue lets it; it has to prove its gain or is taken back.
 */
export function tune(
  state: TuningState,
  windows: readonly Digest[],
  findings: readonly Finding[],
  { room, foretold = {}, dryRun = false }: Bounds,
): Tuned {
  const rested = { ...state, resting: rest(state.resting) };
  const owned = disown(rested, room);
  if (owned.trial !== null) return proceed(owned, owned.trial, windows);
  const proposed = proposeRaise(owned, windows, findings, room);
  if (proposed === null) return { state: owned };
  const told = foretold[proposed.tool];
  const adjustment = told === undefined ? proposed : { ...proposed, foretold: told };
  if (told !== undefined && isVain(told))
    return { declined: adjustment, state: leaveAlone(owned, adjustment.tool) };
  if (dryRun) return { proposed: adjustment, state: owned };
  const before = together(waited(windows, adjustment.tool, owned.changedAtMs));
  return {
    made: adjustment,
    state: {
      ...owned,
      lastId: adjustment.id,
      changedAtMs: adjustment.atMs,
      desired: { ...owned.desired, [adjustment.tool]: adjustment.to },
      trial: { adjustment, before, after: [] },
    },
  };
}

/** Takes an adjustment back by hand; the tool is left alone for as long as can be. Null: it is not in force. */
export function rollBack(state: TuningState, adjustment: Adjustment): TuningState | null {
  const { tool, from, to } = adjustment;
  if (state.desired[tool] !== to) return null;
  return {
    ...state,
    desired: { ...state.desired, [tool]: from },
    trial: state.trial?.adjustment.tool === tool ? null : state.trial,
    resting: { ...state.resting, [tool]: [REST_WINDOWS_MAX, REST_WINDOWS_MAX] },
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
  return { made, state: { ...state, lastId, desired: {}, trial: null } };
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
  for (const [tool, to] of Object.entries(state.desired)) {
    const own = room[tool];
    if (own === undefined || own.isSet) continue;
    const most = Math.min(to, own.max);
    if (most > own.declared) desired[tool] = most;
  }
  const { trial } = state;
  const isOn = trial !== null && desired[trial.adjustment.tool] === trial.adjustment.to;
  return { ...state, desired, trial: isOn ? trial : null };
}

function proceed(state: TuningState, trial: Trial, windows: readonly Digest[]): Tuned {
  const { adjustment } = trial;
  const { tool, from } = adjustment;
  const last = windows.at(-1);
  const after = last === undefined ? trial.after : [...trial.after, measure(last, tool)];
  const judgement = judge(trial.before, after);
  if (judgement === null) return { state: { ...state, trial: { ...trial, after } } };
  const judged = { adjustment, ...judgement };
  if (judgement.verdict === "kept") return { judged, state: { ...state, trial: null } };
  return {
    judged,
    state: {
      ...leaveAlone(state, tool),
      trial: null,
      changedAtMs: last?.atMs ?? state.changedAtMs,
      desired: { ...state.desired, [tool]: from },
    },
  };
}

/** For twice as long as the last time. */
function leaveAlone(state: TuningState, tool: string): TuningState {
  const [, before = REST_WINDOWS / 2] = state.resting[tool] ?? [];
  const length = Math.min(REST_WINDOWS_MAX, 2 * before);
  return { ...state, resting: { ...state.resting, [tool]: [length, length] } };
}

/** Not one more call would end, and none would wait less: what keeps the tool is something else. */
function isVain({ high, waitSavedMs }: Foretold): boolean {
  return high <= 1 && (waitSavedMs ?? 0) <= 0;
}

/** The last windows in which jobs of a tool waited, behind the last change of anything and the window it was made in. */
function waited(windows: readonly Digest[], tool: string, changedAtMs: number): Measured[] {
  const since = windows.filter(({ atMs }) => atMs > changedAtMs);
  return (changedAtMs === 0 ? since : since.slice(1))
    .slice(-BEFORE_WINDOWS)
    .filter(({ tools }) => (tools[tool]?.busy ?? 0) > WAITED)
    .map((one) => measure(one, tool));
}

function proposeRaise(
  state: TuningState,
  windows: readonly Digest[],
  findings: readonly Finding[],
  room: Room,
): Adjustment | null {
  for (const { tool, kind, culprit } of findings) {
    const own = room[tool];
    if (kind !== "under_provisioned" || culprit !== `tool:${tool}` || own === undefined) continue;
    const { concurrency: from, max, isSet } = own;
    if (isSet || from >= max || (state.resting[tool]?.[0] ?? 0) > 0) continue;
    // What was raised before may not have reached the gate yet.
    if (from !== (state.desired[tool] ?? own.declared)) continue;
    const to = Math.min(max, from + Math.max(1, Math.ceil(from * STEP)));
    const before = waited(windows, tool, state.changedAtMs);
    // What could not be proven even if it gained all that it can is not tried.
    if (before.length < LEAST_BEFORE || !canProve(together(before), before.length, to / from))
      continue;
    return {
      id: state.lastId + 1,
      tool,
      what: "concurrency",
      from,
      to,
      why: `${tool} may not run more than ${from} calls at once, and jobs wait for that`,
      atMs: windows.at(-1)?.atMs ?? 0,
    };
  }
  return null;
}
