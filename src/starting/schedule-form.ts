import { z } from "zod";

import { cronProblem, isTimeZone, type Issue } from "../../config/index.ts";
import { CATCH_UPS, OVERLAPS, type ScheduleSpec } from "../../queues/client.ts";
import { checkForm, idForm, inputForm } from "../forms.ts";

/** Shortest interval of a schedule: each firing is a run. Milliseconds. */
const MIN_EVERY_MS = 100;
/** Longest times that make sense: ten years. Milliseconds. */
const MAX_MS = 315_360_000_000;
/** Missed firings older than this are dropped, unless the schedule says otherwise. Milliseconds. */
const CATCH_UP_WINDOW_MS = 86_400_000;

/** A schedule as it is asked for. */
const scheduleForm = z.strictObject({
  /** 1 to 64 characters of A-Z a-z 0-9 _ -. Adding the same id again replaces the schedule. */
  id: idForm,
  /** A registered workflow. */
  workflowId: z.string().min(1).max(200),
  /** The version to start. Default: whichever is current when it fires. */
  hash: z.string().min(1).max(200).optional(),
  /** Five fields, or six with seconds first; or `@hourly`, `@daily`, ... Either this or `everyMs`. */
  cron: z
    .string()
    .max(200)
    .superRefine((cron, context) => {
      const problem = cronProblem(cron);
      if (problem !== null) context.addIssue({ code: "custom", message: problem });
    })
    .optional(),
  /** IANA name of the zone that `cron` is read in. Default: UTC. */
  timeZone: z.string().refine(isTimeZone, { error: "expected an IANA time zone" }).optional(),
  /** Fires this long after it was added, and so on. Milliseconds, at least 100. */
  everyMs: z.int().min(MIN_EVERY_MS).max(MAX_MS).optional(),
  /** Input of the runs; checked against the workflow's `inputs`. Default: {}. */
  input: inputForm.default({}),
  /** When the run of the firing before is still open. Default: skip. */
  overlap: z.enum(OVERLAPS).default("skip"),
  /** What becomes of missed firings. Default: one. */
  catchUp: z.enum(CATCH_UPS).default("one"),
  /** Missed firings older than this are dropped. Milliseconds. Default: a day. */
  catchUpWindowMs: z.int().min(0).max(MAX_MS).default(CATCH_UP_WINDOW_MS),
  /** Default: "default". */
  tenant: z.string().min(1).max(200).default("default"),
  /** Who the runs are started for. Default: "unknown". */
  actor: z.string().min(1).max(200).default("unknown"),
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
    ...(hash === undefined ? {} : { hash }),
    when: cron === undefined ? { everyMs } : { cron, timeZone },
  };
}
