import { nextTime } from "../../config/index.ts";

/**
 * How BullMQ is told the next time of a cron expression: its own reading of them loses times that the clocks skip.
 * For every queue and worker of schedules.
 */
export const WAKING = {
  repeatStrategy: (afterMs: number, { pattern, tz }: { pattern?: string; tz?: string }) =>
    nextTime({ cron: pattern ?? "", timeZone: tz ?? "UTC" }, afterMs) ?? undefined,
};
