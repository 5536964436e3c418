import { nextTime } from "../../config/index.ts";

/**
 * Tells BullMQ the next time of a cron expression, because BullMQ's own reading loses times that clock changes skip.
 * For every queue and worker of schedules.
 */
export const WAKING = {
  repeatStrategy: (afterMs: number, { pattern, tz }: { pattern?: string; tz?: string }) =>
    nextTime({ cron: pattern ?? "", timeZone: tz ?? "UTC" }, afterMs) ?? undefined,
};
