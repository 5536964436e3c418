import * as z from "zod";

import { cronProblem, isTimeZone, type Issue, given } from "../../config/index.ts";
import { CATCH_UPS, OVERLAPS, type ScheduleSpec } from "../../queues/client.ts";
import { checkForm, idForm, inputForm } from "../forms.ts";

/** Shortest interval of a schedule: each firing is a run. Milliseconds. */
const MIN_EVERY_MS = 100;
/** Longest times that make sense: ten years. Milliseconds. */
const MAX_MS = 315_360_000_000;
/** Missed firings older than this are dropped, unless the schedule says otherwise. Milliseconds. */
const CATCH_UP_WINDOW_MS = 86_400_000;

/** A schedule as it is asked for. */
export const scheduleForm = z.strictObject({
  id: idForm.describe(
    "1 to 64 characters of A-Z a-z 0-9 _ -. Adding the same id again replaces the schedule.",
  ),
  workflowId: z.string().min(1).max(200).describe("A registered workflow."),
  hash: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe("The version to start. Default: whichever is current when it fires."),
  cron: z
    .string()
    .max(200)
    .superRefine((cron, context) => {
      const problem = cronProblem(cron);
      if (problem !== null) context.addIssue({ code: "custom", message: problem });
    })
    .optional()
    .describe(
      "Five fields, or six with seconds first; or `@hourly`, `@daily`, ... Either this or `everyMs`.",
    ),
  timeZone: z
    .string()
    .refine(isTimeZone, { error: "expected an IANA time zone" })
    .optional()
    .describe("IANA name of the zone that `cron` is read in. Default: UTC."),
  everyMs: z
    .int()
    .min(MIN_EVERY_MS)
    .max(MAX_MS)
    .optional()
    .describe("Fires this long after it was added, and so on. Milliseconds, at least 100."),
  input: inputForm
    .default({})
    .describe("Input of the runs; checked against the workflow's `inputs`. Default: {}."),
  overlap: z
    .enum(OVERLAPS)
    .default("skip")
    .describe("When the run of the firing before is still open. Default: skip."),
  catchUp: z
    .enum(CATCH_UPS)
    .default("one")
    .describe("What becomes of missed firings. Default: one."),
  catchUpWindowMs: z
    .int()
    .min(0)
    .max(MAX_MS)
    .default(CATCH_UP_WINDOW_MS)
    .describe("Missed firings older than this are dropped. Milliseconds. Default: a day."),
  tenant: z
    .string()
    .min(1)
    .max(200)
    .default("default")
    .describe('Whom the runs belong to. Default: "default".'),
  actor: z
    .string()
    .min(1)
    .max(200)
    .default("unknown")
    .describe('Who the runs are started for. Default: "unknown".'),
});

export type ScheduleForm = z.input<typeof scheduleForm>;

/**
 * Checks a schedule and fills in its defaults.
 *
 * @throws ValidationError `request_invalid` with every problem.
 */
export function checkSchedule(value: ScheduleForm): ScheduleSpec {
  const refuse = (message: string, ...path: string[]): Issue => ({
    code: "request_invalid",
    message,
    path,
  });
  const more: Issue[] = [];
  if ((value.cron === undefined) === (value.everyMs === undefined)) {
    const got = value.cron === undefined ? "none" : "both";
    more.push(refuse(`expected either cron or everyMs, got: ${got}`));
  }
  if (value.timeZone !== undefined && value.cron === undefined)
    more.push(refuse("expected a time zone only beside cron", "timeZone"));
  return specOf(checkForm(scheduleForm, value, more));
}

function specOf(form: z.output<typeof scheduleForm>): ScheduleSpec {
  const { cron, timeZone = "UTC", everyMs = MIN_EVERY_MS, hash, ...rest } = form;
  return {
    ...rest,
    ...given({ hash }),
    when: cron === undefined ? { everyMs } : { cron, timeZone },
  };
}
