import * as z from "zod";

import { iso, cronProblem, isTimeZone, nextTimes } from "../../config/index.ts";
import { checkForm } from "../forms.ts";

/** Times that are told at once, at most. */
const MAX_COUNT = 1_000;
/** Firings that are listed unless another number is asked for. */
const COUNT = 10;

/** Which times of a cron expression are asked for. */
const plannedTimesForm = z.strictObject({
  cron: z
    .string()
    .max(200)
    .superRefine((cron, context) => {
      const problem = cronProblem(cron);
      if (problem !== null) context.addIssue({ code: "custom", message: problem });
    })
    .describe("Five fields, or six with seconds first; or `@hourly`, `@daily`, ..."),
  timeZone: z
    .string()
    .refine(isTimeZone, { error: "expected an IANA time zone" })
    .default("UTC")
    .describe("IANA name of the zone that `cron` is read in. Default: UTC."),
  from: z
    .string()
    .refine((text) => Number.isFinite(timeOf(text)), {
      error: "expected a date or time as ISO 8601",
    })
    .optional()
    .describe("ISO 8601; a date alone, or a time without an offset, is one of UTC. Default: now."),
  count: z.coerce
    .number()
    .int()
    .min(1)
    .max(MAX_COUNT)
    .default(COUNT)
    .describe("1 to 1,000. Default: 10."),
});
export type PlannedTimesForm = z.input<typeof plannedTimesForm>;

/**
 * When a schedule with this expression would fire, after a time. ISO 8601 in UTC with milliseconds, ascending;
 * fewer than asked for when there are no more. Needs no Redis.
 *
 * @throws ValidationError `request_invalid` with every problem of the form.
 */
export function plannedTimes(form: PlannedTimesForm): string[] {
  const { cron, timeZone, from, count } = checkForm(plannedTimesForm, form);
  const fromMs = from === undefined ? Date.now() : timeOf(from);
  return nextTimes({ cron, timeZone }, fromMs, count).map((ms) => iso(ms));
}

/** Not a number when it is no time. Milliseconds since 1970. */
function timeOf(text: string): number {
  const isTime = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/i.test(
    text,
  );
  if (!isTime) return Number.NaN;
  const hasZone = text.length === 10 || /(Z|[+-]\d\d:?\d\d)$/i.test(text);
  return Date.parse(hasZone ? text : `${text}Z`);
}
