import type { Digest } from "../findings/digest.ts";
import type { Effect } from "./adjustment.ts";
import { effectAfter, measure, together, type Measured } from "./judge.ts";
import { windowsBefore } from "./raise.ts";

/** A learned cap that is taken back by hand stays so for so long. Milliseconds. */
const PINNED_MS = 1_800_000;
/** A cap that moves by less is the same: the learner looks above and below it again and again. */
const LEAST_CHANGE = 0.2;
/** Reasons for a cap that is meant to stay. */
const SETTLED = new Set(["at_knee", "no_knee"]);

/** What the learner says of how many calls at once a service carries. */
export interface LearnedCap {
  /** Null: it has shown no bound. */
  readonly cap: number | null;
  readonly reason: string;
  /** From how many calls at once on it is slower, and what a call takes below that; null: not seen yet. */
  readonly knee: number | null;
  readonly quietMs: number | null;
}

/** A cap that the learner of the gate has moved. */
export interface CapChange {
  readonly id: number;
  readonly tool: string;
  readonly what: "cap";
  /** Null: no cap. */
  readonly from: number | null;
  readonly to: number | null;
  readonly why: string;
  /** Redis' clock. Milliseconds. */
  readonly atMs: number;
}

/** What a cap that the learner moved did; it watches that itself, so nothing follows from it. */
export interface MeasuredCap {
  readonly adjustment: CapChange;
  readonly effect: Omit<Effect, "bar">;
}

interface CapTrial {
  readonly adjustment: CapChange;
  readonly before: Measured;
  readonly after: readonly Measured[];
}

/** What is remembered of caps: plain JSON. */
export interface CapState {
  /** By tool, the cap that was told last, and the change whose effect is being measured. */
  readonly told: Readonly<
    Record<string, { readonly cap: number | null; readonly trial?: CapTrial }>
  >;
  /** Caps that somebody took back, and until when they stay so. Redis' clock, milliseconds. */
  readonly pins: Readonly<
    Record<string, { readonly cap: number | null; readonly untilMs: number }>
  >;
}

export const NO_CAPS: CapState = { told: {}, pins: {} };

/** What a pass saw of caps. */
export interface WatchedCaps {
  readonly state: CapState;
  readonly lastId: number;
  readonly learned: readonly CapChange[];
  readonly measured: readonly MeasuredCap[];
}

/** Tells which caps the learner has moved to stay since the last time, and what the moves before did. */
export function watchCaps(
  state: CapState,
  caps: Readonly<Record<string, LearnedCap>>,
  windows: readonly Digest[],
  lastId: number,
): WatchedCaps {
  const last = windows.at(-1);
  const nowMs = last?.atMs ?? 0;
  const told: Record<string, CapState["told"][string]> = {};
  const learned: CapChange[] = [];
  const measured: MeasuredCap[] = [];
  let id = lastId;
  for (const [tool, seen] of Object.entries(caps)) {
    const before = state.told[tool] ?? { cap: seen.cap };
    told[tool] = before;
    const pin = state.pins[tool];
    if (pin !== undefined && pin.untilMs > nowMs) continue;
    if (isMoved(before.cap, seen)) {
      const [from, to, why] = [before.cap, seen.cap, whyOf(seen)];
      const adjustment: CapChange = { id: ++id, tool, what: "cap", from, to, why, atMs: nowMs };
      learned.push(adjustment);
      const old = windowsBefore(windows, 0).map((one) => measure(one, tool));
      told[tool] = { cap: to, trial: { adjustment, before: together(old), after: [] } };
    } else if (before.trial !== undefined && last !== undefined) {
      const { trial } = before;
      const after = [...trial.after, measure(last, tool)];
      const effect = effectAfter(trial.before, after);
      if (effect === null) told[tool] = { cap: before.cap, trial: { ...trial, after } };
      else {
        measured.push({ adjustment: trial.adjustment, effect });
        told[tool] = { cap: before.cap };
      }
    }
  }
  const pins = Object.fromEntries(
    Object.entries(state.pins).filter(([, { untilMs }]) => untilMs > nowMs),
  );
  return { state: { told, pins }, lastId: id, learned, measured };
}

/** Takes a learned cap back for half an hour; then the learner's word holds again. Null: it is not in force. */
export function pinCap(
  state: CapState,
  { tool, from, to }: CapChange,
  nowMs: number,
): CapState | null {
  if (state.told[tool] === undefined || state.told[tool].cap !== to) return null;
  return {
    told: { ...state.told, [tool]: { cap: from } },
    pins: { ...state.pins, [tool]: { cap: from, untilMs: nowMs + PINNED_MS } },
  };
}

function isMoved(before: number | null, { cap, reason }: LearnedCap): boolean {
  if (!SETTLED.has(reason) || before === cap) return false;
  return before === null || cap === null || Math.abs(cap - before) > LEAST_CHANGE * before;
}

function whyOf({ cap, knee, quietMs }: LearnedCap): string {
  if (cap === null || knee === null) return "the service showed no bound";
  const quiet = quietMs === null ? "" : `; with fewer a call takes ${Math.round(quietMs)} ms`;
  return `the service becomes slower from ${knee} calls at once on${quiet}`;
}
