import { contentHash, isTuttiError, dueTimes, nextTime, given } from "../../../config/index.ts";
import { cancelRun } from "../../runs/lifecycle/cancel.ts";
import { isOpen } from "../../runs/record/run-record.ts";
import { startRegistered, type StartParts } from "../workflows/start.ts";
import { MAX_CAUGHT_UP, planCatchUp } from "./catch-up.ts";
import type { Decision, FiringRecord, Schedules, ScheduleState } from "./schedules.ts";

/** How late a waking may be before it counts as lost. Milliseconds. */
const OVERDUE_MS = 2_000;

/** What firing schedules needs. */
export interface FireParts extends StartParts {
  readonly schedules: Schedules;
}

/**
 * Handles the due firings of a schedule, oldest first. Always harmless, even from several processes at once: a settled
 * firing no longer counts, and its run has an id of its own.
 *
 * @param nowMs firings planned up to here are due. Milliseconds since 1970.
 */
export async function fireDue(
  parts: FireParts,
  id: string,
  nowMs: number,
): Promise<readonly FiringRecord[]> {
  const state = await parts.schedules.find(id);
  if (state === null) return [];
  const done: FiringRecord[] = [];
  // A decision left by a process that died comes first.
  if (state.pending !== null) done.push(await carryOut(parts, state, state.pending));
  if (state.paused) return done;
  const due = dueTimes(state.timing, state.handledMs, nowMs, MAX_CAUGHT_UP);
  const { dropped, firings } = planCatchUp(due, nowMs, state.spec);
  if (dropped !== null) {
    const { count, untilMs } = dropped;
    await decideAndDo(parts, id, done, () => ({ kind: "drop", plannedMs: untilMs, count }));
  }
  for (const { plannedMs, covers } of firings)
    await decideAndDo(parts, id, done, (now) => decide(parts, now, { plannedMs, covers }));
  return done;
}

/**
 * Fires the schedules that are due and that nobody has woken, because their waking was lost or planned by a wrong
 * clock. Returns their ids.
 */
export async function fireOverdue(parts: FireParts, nowMs: number): Promise<string[]> {
  const fired: string[] = [];
  for (const id of await parts.schedules.ids()) {
    const state = await parts.schedules.find(id);
    if (state === null || state.paused) continue;
    const next = nextTime(state.timing, state.handledMs);
    if (next === null || next > nowMs - OVERDUE_MS) continue;
    if ((await fireDue(parts, id, nowMs)).length > 0) fired.push(id);
  }
  return fired;
}

/**
 * Fires a schedule by hand, now, even while it is paused. Planned firings stay as they are.
 *
 * @throws TuttiError `schedule_not_found`.
 */
export async function fireNow(parts: FireParts, id: string): Promise<FiringRecord> {
  const plannedMs = await parts.runs.now();
  for (;;) {
    await parts.schedules.require(id);
    const done: FiringRecord[] = [];
    await decideAndDo(parts, id, done, (now) =>
      decide(parts, now, { plannedMs, covers: 0, manual: true }),
    );
    const own = done.find((one) => one.manual === true && one.plannedMs === plannedMs);
    if (own !== undefined) return own;
  }
}

/** Decides about one firing and carries it out, after any pending decision. */
async function decideAndDo(
  parts: FireParts,
  id: string,
  done: FiringRecord[],
  make: (state: ScheduleState) => Promise<Decision> | Decision,
): Promise<void> {
  for (;;) {
    const state = await parts.schedules.find(id);
    if (state === null) return;
    const decision = await make(state);
    const standing = await parts.schedules.decide(id, decision);
    if (standing === null) return;
    done.push(await carryOut(parts, state, standing));
    if (standing === JSON.stringify(decision)) return;
  }
}

async function decide(
  parts: FireParts,
  { spec, lastRun }: ScheduleState,
  firing: { readonly plannedMs: number; readonly covers: number; readonly manual?: true },
): Promise<Decision> {
  const previous = lastRun === null ? null : await parts.runs.header(lastRun);
  const open = previous !== null && isOpen(previous.state) ? previous : null;
  if (open !== null && spec.overlap === "skip")
    return { ...firing, kind: "skip", reason: `run ${open.runId} is still ${open.state}` };
  try {
    const { hash } = await parts.registry.resolve(spec.workflowId, spec.hash);
    const cancel = open !== null && spec.overlap === "cancel_previous" ? open.runId : undefined;
    const runId = runIdOf(spec.id, firing);
    return { ...firing, kind: "start", runId, hash, ...given({ cancel }) };
  } catch (thrown) {
    return { ...firing, kind: "fail", reason: reasonOf(thrown) };
  }
}

/** The same firing always has the same run, whoever starts it and how often. */
function runIdOf(id: string, firing: { plannedMs: number; manual?: true }): string {
  return `s-${contentHash(JSON.stringify([id, firing.plannedMs, firing.manual ?? false]))}`;
}

async function carryOut(
  parts: FireParts,
  { spec }: ScheduleState,
  pending: string,
): Promise<FiringRecord> {
  const decision = JSON.parse(pending) as Decision;
  const record = {
    plannedMs: decision.plannedMs,
    decidedMs: await parts.runs.now(),
    ...(await perform(parts, spec, decision)),
    ...(decision.manual === true ? { manual: true as const } : {}),
  };
  await parts.schedules.settle(spec.id, pending, record);
  return record;
}

async function perform(
  parts: FireParts,
  spec: ScheduleState["spec"],
  decision: Decision,
): Promise<Pick<FiringRecord, "outcome" | "runId" | "reason" | "covers">> {
  if (decision.kind === "drop") {
    const reason = "missed, and too old or not to be caught up";
    return { outcome: "dropped", reason, covers: decision.count };
  }
  const covers = decision.covers === 0 ? {} : { covers: decision.covers };
  if (decision.kind !== "start") {
    const outcome = decision.kind === "skip" ? "skipped" : "failed";
    return { outcome, reason: decision.reason, ...covers };
  }
  const { runId, hash, cancel } = decision;
  if (cancel !== undefined) {
    await cancelRun(parts, cancel, { kind: "cancel", reason: `schedule ${spec.id} fires again` });
  }
  const { workflowId, input, tenant, actor } = spec;
  const identity = { tenant, actor, correlationId: runId };
  try {
    const { added } = await startRegistered(parts, {
      workflowId,
      hash,
      runId,
      input,
      identity,
      ...(spec.overlap === "queue" ? { serialKey: `schedule:${spec.id}` } : {}),
    });
    await added;
  } catch (thrown) {
    // Nobody else has this id, so the run exists, from before the schedule was changed.
    if (!(isTuttiError(thrown) && thrown.code === "run_conflict"))
      return { outcome: "failed", reason: reasonOf(thrown), ...covers };
  }
  return { outcome: "started", runId, ...covers };
}

/** Why there is no run, if trying again cannot help. */
function reasonOf(thrown: unknown): string {
  if (isTuttiError(thrown) && !thrown.retryable) return `${thrown.code}: ${thrown.message}`;
  throw thrown;
}
