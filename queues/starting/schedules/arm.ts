import { nextTime } from "../../../config/index.ts";
import { CONTROL_QUEUES } from "../../names.ts";
import { BACKOFF } from "../../runs/flows.ts";
import type { ToolQueues } from "../../tools/tool-queues.ts";
import type { Schedules, ScheduleState } from "./schedules.ts";

/** A job that wakes a schedule. */
export interface TickJob {
  readonly scheduleId: string;
}

/** Ids of schedules have no dot, so this is not one. */
export const REARM = "tutti.rearm";

/** Milliseconds. */
const OVERDUE_MS = 60_000;

/** Ended wakings kept for Bull Board. */
const TICKS_KEPT = 100;

/** Retried without limit: a schedule must not miss its time because Redis was away for a moment. */
const TICK = {
  attempts: 1_000_000,
  backoff: { type: BACKOFF },
  removeOnComplete: TICKS_KEPT,
  removeOnFail: TICKS_KEPT,
};

/** Makes BullMQ wake a schedule at its times. Harmless if it already does. */
export async function armSchedule(
  queues: ToolQueues,
  { spec, timing }: ScheduleState,
  nowMs: number,
): Promise<void> {
  const next = nextTime(timing, nowMs);
  if (next === null) return;
  const data: TickJob = { scheduleId: spec.id };
  await queues.get(CONTROL_QUEUES.schedule).upsertJobScheduler(
    spec.id,
    // From the next planned time on, so that an interval keeps its phase whatever happened before.
    "cron" in timing
      ? { pattern: timing.cron, tz: timing.timeZone }
      : { every: timing.everyMs, startDate: next },
    { name: spec.id, data, opts: TICK },
  );
}

export async function disarmSchedule(queues: ToolQueues, id: string): Promise<void> {
  await queues.get(CONTROL_QUEUES.schedule).removeJobScheduler(id);
}

/**
 * Repairs what a process left half done when it died: schedules that nobody wakes, and wakings without a schedule.
 * Returns the ids of both.
 */
export async function rearmSchedules(
  queues: ToolQueues,
  schedules: Schedules,
  nowMs: number,
): Promise<{ armed: string[]; disarmed: string[] }> {
  const queue = queues.get(CONTROL_QUEUES.schedule);
  const found = (await queue.getJobSchedulers()).filter(({ key }) => key !== REARM);
  const there = new Set(found.map(({ key }) => key));
  // A waking that is long overdue has no successor, because BullMQ could not tell its next time.
  const overdue = found.filter(({ next }) => (next ?? 0) < nowMs - OVERDUE_MS);
  const asleep = new Set(overdue.map(({ key }) => key));
  const armed: string[] = [];
  for (const id of await schedules.ids()) {
    const state = await schedules.find(id);
    if (state === null || state.paused) continue;
    if (!there.delete(id) || asleep.has(id)) {
      // BullMQ's memory of an interval would shift its phase.
      if (asleep.has(id)) await disarmSchedule(queues, id);
      await armSchedule(queues, state, nowMs);
      armed.push(id);
    }
  }
  for (const id of there) await disarmSchedule(queues, id);
  return { armed, disarmed: [...there] };
}
