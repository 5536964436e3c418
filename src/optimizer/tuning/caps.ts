import type { Effect } from "./adjustment.ts";

/** A learned cap that is taken back by hand stays so for so long. Milliseconds. */
const PINNED_MS = 1_800_000;

/** A cap that the learner has moved, and what that did, as the learner says. */
export interface LearnedChange {
  /** Counts up. */
  readonly number: number;
  readonly atMs: number;
  readonly from: number | null;
  readonly to: number | null;
  readonly reason: string;
  readonly knee: number | null;
  readonly quietMs: number | null;
  readonly beforePerS: number | null;
  readonly afterPerS: number | null;
  /** Null: it is still being measured. */
  readonly verdict: "kept" | "taken_back" | null;
}

/** What the learner says of how many calls at once a service carries. */
export interface LearnedCap {
  /** Null: it has shown no bound. */
  readonly cap: number | null;
  /** The last changes, the oldest first. */
  readonly changes: readonly LearnedChange[];
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

/** What a cap that the learner moved did; it watches that itself, so nothing follows from it here. */
export interface MeasuredCap {
  readonly adjustment: CapChange;
  /** Calls that ended in a second while more waited; null: none did. */
  readonly effect: Pick<Effect, "beforePerS" | "afterPerS" | "gain"> | null;
  /** Taken back: the learner went back towards what was before. */
  readonly verdict: "kept" | "taken_back";
}

/** What is remembered of caps: plain JSON. */
export interface CapState {
  /** By tool, the cap that was told last, the number of the last change, and those whose effect is not told yet. */
  readonly told: Readonly<
    Record<
      string,
      {
        readonly cap: number | null;
        readonly number?: number;
        readonly open?: readonly { readonly number: number; readonly adjustment: CapChange }[];
      }
    >
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

/**
 * Tells of each cap that the learner has moved since the last time, and of each move what it did. While somebody has taken
 * a cap back the learner's moves have no effect, and are not told.
 */
export function watchCaps(
  state: CapState,
  caps: Readonly<Record<string, LearnedCap>>,
  nowMs: number,
  lastId: number,
): WatchedCaps {
  const told: Record<string, CapState["told"][string]> = {};
  const learned: CapChange[] = [];
  const measured: MeasuredCap[] = [];
  let id = lastId;
  for (const [tool, { cap, changes }] of Object.entries(caps)) {
    const before = state.told[tool] ?? { cap };
    const last = before.number ?? 0;
    // Who learns anew counts anew.
    const since = last > (changes.at(-1)?.number ?? 0) ? 0 : last;
    const isPinned = (state.pins[tool]?.untilMs ?? 0) > nowMs;
    const open = isPinned ? [] : [...(before.open ?? [])];
    for (const change of isPinned ? [] : changes) {
      if (change.number <= since) continue;
      const { from, to, atMs } = change;
      const adjustment: CapChange = {
        id: ++id,
        tool,
        what: "cap",
        from,
        to,
        why: whyOf(change),
        atMs,
      };
      learned.push(adjustment);
      open.push({ number: change.number, adjustment });
    }
    const left = open.filter(({ number, adjustment }) => {
      const change = changes.find((one) => one.number === number);
      if (change?.verdict != null)
        measured.push({ adjustment, effect: effectOf(change), verdict: change.verdict });
      return change !== undefined && change.verdict === null;
    });
    const number = changes.at(-1)?.number ?? since;
    told[tool] = { cap: isPinned ? before.cap : cap, number, open: left };
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
    told: { ...state.told, [tool]: { ...state.told[tool], cap: from, open: [] } },
    pins: { ...state.pins, [tool]: { cap: from, untilMs: nowMs + PINNED_MS } },
  };
}

function effectOf({ beforePerS, afterPerS }: LearnedChange): MeasuredCap["effect"] {
  if (beforePerS === null || afterPerS === null) return null;
  return { beforePerS, afterPerS, gain: beforePerS === 0 ? 1 : afterPerS / beforePerS };
}

function whyOf({ to, reason, knee, quietMs }: LearnedChange): string {
  if (reason === "throttled") return "the service answered 429 again and again";
  if (reason === "look_above") return "to see whether it carries more";
  if (reason === "look_below") return "to see whether it is crowded, or slow for everybody";
  if (reason === "slow_start") return "nothing is known of how many calls at once it carries";
  if (to === null || knee === null) return "the service showed no bound";
  const quiet = quietMs === null ? "" : `; with fewer a call takes ${Math.round(quietMs)} ms`;
  return `the service becomes slower from ${knee} calls at once on${quiet}`;
}
