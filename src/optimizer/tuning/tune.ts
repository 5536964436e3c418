import type { Digest } from "../findings/digest.ts";
import type { Finding } from "../findings/finding.ts";
import type { Adjustment, Declined, Foretold, Judgement, Room } from "./adjustment.ts";
import { proposeAhead, type Coming } from "./ahead.ts";
import { judge, measure, together, type Measured } from "./judge.ts";
import { LEAST_BEFORE, proposeRaise, waited, windowsBefore } from "./raise.ts";
import { advance, desire, leaveAlone, type Trial, type TuningState } from "./state.ts";
import { nextWish } from "./wishes.ts";

/** What a change may go by beside what was found. */
export interface Bounds {
  readonly room: Room;
  /** What is known of the load that comes. Default: nothing. */
  readonly coming?: Coming;
  /** What the model says of raises, by tool. */
  readonly foretold?: Readonly<Record<string, Foretold>>;
  /** Tools whose runs aim at something of their own: plans for that move them, nothing else does. */
  readonly aims?: Readonly<Record<string, unknown>>;
  /** Nothing is changed: it is said what would be. */
  readonly dryRun?: boolean;
}

/** What a pass does. */
export interface Tuned {
  readonly state: TuningState;
  readonly made?: Adjustment;
  /** What would be made, were it not a dry run. */
  readonly proposed?: Adjustment;
  /** What is not made after all, and why. */
  readonly declined?: readonly Declined[];
  readonly judged?: { readonly adjustment: Adjustment } & Judgement;
}

/**
 * The next change, or what becomes of the last one. What somebody asked for comes first, and is kept unless it does harm.
 * Else a change is made where a finding says that a tool may not run more calls at once, as far as its catalogue lets
 * it; it has to prove its gain or is taken back.
 */
export function tune(
  before: TuningState,
  windows: readonly Digest[],
  findings: readonly Finding[],
  { room, coming, foretold = {}, aims = {}, dryRun = false }: Bounds,
): Tuned {
  const state = advance(before, room);
  if (state.trial !== null) return proceed(state, state.trial, windows, room);
  const wish = dryRun ? null : nextWish(state, windows, room);
  if (wish !== null) {
    const { adjustment, dropped, wishes } = wish;
    const declined = dropped.length === 0 ? {} : { declined: dropped };
    // Each that is dropped has a number of its own in the audit.
    const left = { ...state, wishes, lastId: state.lastId + dropped.length };
    if (adjustment === null) return { ...declined, state: left };
    const next = make(left, adjustment, wish.before, room);
    return { ...declined, made: adjustment, state: next };
  }
  const own = Object.fromEntries(Object.entries(room).filter(([tool]) => !(tool in aims)));
  const proposed = proposeRaise(state, windows, findings, own);
  if (proposed === null) return goAhead(state, windows, findings, { room: own, coming, dryRun });
  const predicted = foretold[proposed.tool];
  const adjustment = predicted === undefined ? proposed : { ...proposed, foretold: predicted };
  if (predicted !== undefined && isVain(predicted)) {
    const reason = "in the model of the gate it gains nothing";
    const left = leaveAlone(state, adjustment.tool);
    return { declined: [{ adjustment, reason }], state: { ...left, lastId: adjustment.id } };
  }
  if (dryRun) return { proposed: adjustment, state };
  const measured = waited(windows, adjustment.tool, state.changedAtMs);
  return { made: adjustment, state: make(state, adjustment, measured, room) };
}

/** What is raised before jobs wait, as the load grows. */
function goAhead(
  state: TuningState,
  windows: readonly Digest[],
  findings: readonly Finding[],
  {
    room,
    coming,
    dryRun,
  }: Pick<Bounds, "room" | "dryRun"> & { readonly coming: Coming | undefined },
): Tuned {
  const before = windowsBefore(windows, state.changedAtMs);
  if (coming === undefined || before.length < LEAST_BEFORE) return { state };
  const proposed = proposeAhead(state, before, findings, coming, room);
  if (proposed === null) return { state };
  if (dryRun) return { proposed, state };
  const measured = before.map((one) => measure(one, proposed.tool));
  return { made: proposed, state: make(state, proposed, measured, room) };
}

function make(
  state: TuningState,
  adjustment: Adjustment,
  before: readonly Measured[],
  room: Room,
): TuningState {
  const { id, tool, to, atMs } = adjustment;
  return {
    ...desire(state, tool, to, room[tool]?.declared ?? to),
    lastId: id,
    changedAtMs: atMs,
    trial: { adjustment, before: together(before), after: [] },
  };
}

function proceed(state: TuningState, trial: Trial, windows: readonly Digest[], room: Room): Tuned {
  const { adjustment } = trial;
  const { tool, from } = adjustment;
  const last = windows.at(-1);
  const after = last === undefined ? trial.after : [...trial.after, measure(last, tool)];
  const judgement = judge(trial.before, after, adjustment);
  if (judgement === null) return { state: { ...state, trial: { ...trial, after } } };
  const judged = { adjustment, ...judgement };
  if (judgement.verdict === "kept") return { judged, state: { ...state, trial: null } };
  return {
    judged,
    state: {
      ...desire(leaveAlone(state, tool), tool, from, room[tool]?.declared ?? from),
      trial: null,
      changedAtMs: last?.atMs ?? state.changedAtMs,
    },
  };
}

/** Not one more call would end, and none would wait less: what keeps the tool is something else. */
function isVain({ high, waitSavedMs }: Foretold): boolean {
  return high <= 1 && (waitSavedMs ?? 0) <= 0;
}
