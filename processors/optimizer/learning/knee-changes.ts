import { kneeAt, quietMs } from "./knee-belief.ts";
import { rateOf } from "./knee-calls.ts";
import type { KneeChange, KneeState } from "./knee-state.ts";

/** Changes that are kept, and after how long one is measured after which no other followed. */
const CHANGES_KEPT = 100;
const MEASURED_MS = 60_000;

type Made = Pick<KneeChange, "atMs" | "from" | "to" | "reason">;
type Log = Pick<KneeState, "changes" | "tenure" | "lookMs" | "belief" | "found">;

/** Writes down that the cap was moved, and what the move before did. */
export function noteChange(log: Log, made: Made): void {
  const last = log.changes.at(-1);
  // Who looks elsewhere for a moment has not taken back what is there.
  const isLook = log.lookMs !== null;
  if (last !== undefined) judge(log, !isLook && isBack(last, made.to) ? "taken_back" : "kept");
  const change: KneeChange = {
    ...made,
    ...kneeOf(log),
    number: (last?.number ?? 0) + 1,
    beforePerS: rateOf(log.tenure),
    afterPerS: null,
    verdict: null,
  };
  log.changes = [...log.changes, change].slice(-CHANGES_KEPT);
  log.tenure = { calls: 0, ms: 0 };
}

/** Calls that ended under the cap that holds. */
export function countCalls(log: Log, calls: number, ms: number): void {
  log.tenure = { calls: log.tenure.calls + calls, ms: log.tenure.ms + ms };
}

/** A change after which none followed for long is measured. */
export function measureChange(log: Log, atMs: number): void {
  const last = log.changes.at(-1);
  if (last !== undefined && atMs - last.atMs >= MEASURED_MS && log.tenure.calls > 0)
    judge(log, "kept");
}

function judge(log: Log, verdict: "kept" | "taken_back"): void {
  const last = log.changes.at(-1);
  if (last === undefined || last.verdict !== null) return;
  log.changes = [...log.changes.slice(0, -1), { ...last, afterPerS: rateOf(log.tenure), verdict }];
}

/** Whether the next cap is nearer to what was before a change than to what it made of it. */
function isBack({ from, to }: KneeChange, next: number | null): boolean {
  const logOf = (cap: number | null): number => Math.log(cap ?? Number.MAX_SAFE_INTEGER);
  return Math.abs(logOf(next) - logOf(from)) < Math.abs(logOf(next) - logOf(to));
}

/** From how many calls at once on a service is slower, and what a call takes below that; null: not seen yet. */
function kneeOf({ belief, found }: Log): Pick<KneeChange, "knee" | "quietMs"> {
  if (belief === null) return { knee: null, quietMs: null };
  const knee = found ? Math.round(kneeAt(belief, 0.5)) : null;
  return { knee, quietMs: Math.round(quietMs(belief)) };
}
