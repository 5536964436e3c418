import type { Health } from "../../queues/worker.ts";

/** How often what fails is counted. Milliseconds. */
export const LEVEL_INTERVAL_MS = 5_000;
/** Stretch of time over which failures are counted. Milliseconds. */
const WINDOW_MS = 60_000;
/** Fewer calls say nothing: of 5 calls one failure would be a fifth. */
const LEAST_CALLS = 20;
/** A service that was not called for so long is not counted among those that are there. Milliseconds. */
const KNOWN_MS = 600_000;
/** A deployment with fewer services is not judged by how many are left: one that fails would stop all others. */
const LEAST_KNOWN = 3;
/** Failures fall below this part of the share that a level begins with before it is left. */
const HYSTERESIS = 0.5;
/** They stay there so long, for each level. Milliseconds. */
const CALM_MS = 60_000;

/** What brings the deployment to a level: a larger share of failures, or fewer services that answer. */
const TRIGGERS = [
  { level: 2, share: 0.5, services: 2 },
  { level: 1, share: 0.2, services: 3 },
] as const;

interface Totals {
  readonly atMs: number;
  readonly ok: number;
  readonly down: number;
}

/** What is kept between two counts. */
export interface LevelState {
  /** Calls of all tools so far, at each of the last counts, the oldest first. */
  readonly totals: readonly Totals[];
  /** How often each tool was called, and when it was seen to be called last. Milliseconds. */
  readonly calls: Readonly<Record<string, readonly [count: number, atMs: number]>>;
  /** Since when nothing speaks for the level; null while something does. Milliseconds. */
  readonly calmSinceMs: number | null;
}

/** What was counted. */
export interface Counted {
  /** Share of failures of the window; null when there were too few calls to say. */
  readonly share: number | null;
  /** Calls of the window that the services answered or should have. */
  readonly calls: number;
  /** Services that were called lately, and those of them that answer. */
  readonly services: { readonly known: number; readonly usable: number };
}

/** The level that follows from what was counted. */
export interface Turn {
  readonly to: number;
  readonly reason: string;
}

export const NOTHING_COUNTED: LevelState = { totals: [], calls: {}, calmSinceMs: null };

/**
 * Counts once more. Down it goes at once, as far as what fails asks for; up one level at a time, when nothing
 * spoke for the level for a minute. Too few calls never speak for a level: where most tools rest hardly
 * anything is called, and without a try nobody would learn that all is well again.
 */
export function judge(
  state: LevelState,
  seen: Health,
): { readonly state: LevelState; readonly counted: Counted; readonly turn: Turn | null } {
  const { now, level } = seen;
  const calls = callsOf(state, seen);
  const totals = totalsOf(state, seen);
  const counted = { ...shareOf(totals), services: servicesOf(calls, seen) };
  const wanted = TRIGGERS.find((trigger) => speaksFor(trigger, counted, 1) !== null);
  if (wanted !== undefined && wanted.level > level) {
    const turn = { to: wanted.level, reason: speaksFor(wanted, counted, 1)! };
    return { state: { totals, calls, calmSinceMs: null }, counted, turn };
  }
  const current = TRIGGERS.find((trigger) => trigger.level === level);
  if (current === undefined || speaksFor(current, counted, HYSTERESIS) !== null)
    return { state: { totals, calls, calmSinceMs: null }, counted, turn: null };
  const calmSinceMs = state.calmSinceMs ?? now;
  if (now - calmSinceMs < CALM_MS)
    return { state: { totals, calls, calmSinceMs }, counted, turn: null };
  return {
    // The next level has to prove itself from now on.
    state: { totals, calls, calmSinceMs: now },
    counted,
    turn: { to: level - 1, reason: `nothing spoke for it for ${CALM_MS / 1_000} s` },
  };
}

/** Why what was counted speaks for a level; null when it does not. */
function speaksFor(
  trigger: (typeof TRIGGERS)[number],
  { share, calls, services: { known, usable } }: Counted,
  part: number,
): string | null {
  const limit = trigger.share * part;
  if (share !== null && (part < 1 ? share >= limit : share > limit))
    return `${Math.round(share * 100)} % of ${calls} calls failed`;
  return known >= LEAST_KNOWN && usable < trigger.services
    ? `${usable} of ${known} services answer`
    : null;
}

function callsOf(state: LevelState, { outcomes, now }: Health): LevelState["calls"] {
  const counts = new Map<string, number>();
  for (const { tool, end, count } of outcomes)
    if (end !== "none") counts.set(tool, (counts.get(tool) ?? 0) + count);
  const calls: Record<string, readonly [number, number]> = {};
  for (const [tool, count] of counts) {
    const before = state.calls[tool];
    // Calls from before anybody counted have no time.
    const since = before?.[1] ?? (state.totals.length === 0 ? 0 : now);
    calls[tool] = [count, before !== undefined && count !== before[0] ? now : since];
  }
  return calls;
}

function totalsOf(state: LevelState, { outcomes, now }: Health): Totals[] {
  const sum = (end: string): number =>
    outcomes.reduce((total, one) => total + (one.end === end ? one.count : 0), 0);
  const last = { atMs: now, ok: sum("ok"), down: sum("down") };
  // Two counts more than the window, because troubles are compared one count late, see shareOf.
  const kept = state.totals.filter(({ atMs }) => atMs >= now - WINDOW_MS - 2 * LEVEL_INTERVAL_MS);
  const before = kept.at(-1);
  const isNew = before !== undefined && (before.ok > last.ok || before.down > last.down);
  return isNew ? [last] : [...kept, last];
}

/**
 * The share of failures of the window. Failures are told at once, successes of tools without limits up to a
 * count later, so failures are compared with the successes that were told one count after them.
 */
function shareOf(totals: readonly Totals[]): Pick<Counted, "share" | "calls"> {
  const last = totals.at(-1)!;
  const from = Math.max(
    0,
    totals.findLastIndex(({ atMs }) => atMs <= last.atMs - WINDOW_MS - LEVEL_INTERVAL_MS),
  );
  const down = (totals.at(-2)?.down ?? 0) - (totals[from]?.down ?? 0);
  const ok = last.ok - (totals[from + 1]?.ok ?? last.ok);
  const calls = Math.max(0, down) + ok;
  return { share: totals.length < 3 || calls < LEAST_CALLS ? null : down / calls, calls };
}

function servicesOf(
  calls: LevelState["calls"],
  { now, open, upstreams }: Health,
): Counted["services"] {
  const usable = new Map<string, boolean>();
  for (const [tool, [, atMs]] of Object.entries(calls)) {
    if (atMs < now - KNOWN_MS) continue;
    const upstream = upstreams[tool] ?? tool;
    usable.set(upstream, usable.get(upstream) === true || !open.has(tool));
  }
  return { known: usable.size, usable: [...usable.values()].filter(Boolean).length };
}
