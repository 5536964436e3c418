import * as z from "zod";

import { plannedTimes } from "../starting/planned-times.ts";
import { scheduleForm } from "../starting/schedule-form.ts";
import type { ScheduleSummary } from "../starting/schedules.ts";
import { needed, word, whole } from "./command/words.ts";
import { name } from "./fields.ts";
import { clientOperation, offlineOperation, operation } from "./operation.ts";
import { table } from "./text/table.ts";

const id = name.describe("Id of the schedule.");

/** What a cron expression looks like, for the help. */
export const CRON_FORMS = "five fields, or six with seconds first; or @hourly, @daily, ...";

/** `tutti schedules add` tells when it fires next as well. */
export const addSchedule = clientOperation({
  name: "schedules.add",
  summary: "Add a schedule, or replace the one of this id.",
  scope: "admin",
  errors: ["workflow_not_found", "input_invalid"],
  input: scheduleForm,
  run: ({ tutti }, form) => tutti.schedules.add(form),
  http: {
    method: "post",
    path: "/v1/schedules",
    statusOf: ({ created }) => (created ? 201 : 200),
    locationOf: (added) => `/v1/schedules/${encodeURIComponent(added.id)}`,
  },
});

const list = operation({
  name: "schedules.list",
  summary: "List schedules, by id.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ tutti }) => tutti.schedules.list(),
  http: { method: "get", path: "/v1/schedules", bodyOf: (schedules) => ({ schedules }) },
  command: { words: "schedules list", given: {}, input: () => ({}) },
  printed: {
    text: (schedules) =>
      table(
        ["SCHEDULE", "WORKFLOW", "WHEN", "NEXT", "STARTED", "SKIPPED", "FAILED", "DROPPED"],
        schedules.map((one) => [
          one.id,
          one.workflowId,
          whenText(one),
          one.paused ? "paused" : (one.nextAt ?? "never"),
          ...[one.counts.started, one.counts.skipped, one.counts.failed].map(String),
          String(one.counts.dropped),
        ]),
      ),
  },
});

const show = operation({
  name: "schedules.get",
  summary: "Show a schedule and its last firings.",
  scope: "read",
  errors: ["schedule_not_found"],
  input: z.strictObject({ id }),
  run: ({ tutti }, { id: asked }) => tutti.schedules.show(asked),
  http: { method: "get", path: "/v1/schedules/:id" },
  command: { words: "schedules show", given: { id: word("<id>") }, input: (given) => given },
});

const switches = (
  [
    ["pause", "Fire nothing until it is resumed."],
    ["resume", "Fire again; what was planned meanwhile is not made up for."],
  ] as const
).map(([verb, summary]) =>
  operation({
    name: `schedules.${verb}`,
    summary,
    scope: "admin",
    errors: ["schedule_not_found"],
    input: z.strictObject({ id }),
    async run({ tutti }, { id: asked }) {
      await tutti.schedules[verb](asked);
      return { id: asked, paused: verb === "pause" };
    },
    http: { method: "post", path: `/v1/schedules/:id/${verb}` },
    command: { words: `schedules ${verb}`, given: { id: word("<id>") }, input: (given) => given },
    printed: { text: (now) => `${now.id} ${now.paused ? "paused" : "resumed"}` },
  }),
);

const run = operation({
  name: "schedules.run",
  summary: "Fire now, also while it is paused; exit code 1 when that starts no run.",
  scope: "submit",
  errors: ["schedule_not_found"],
  input: z.strictObject({ id }),
  run: ({ tutti }, { id: asked }) => tutti.schedules.run(asked),
  http: { method: "post", path: "/v1/schedules/:id/run" },
  command: { words: "schedules run", given: { id: word("<id>") }, input: (given) => given },
  printed: {
    text: (firing) => firing.runId ?? `${firing.outcome}: ${firing.reason ?? ""}`,
    hasFailed: ({ outcome }) => outcome !== "started",
  },
});

const remove = operation({
  name: "schedules.remove",
  summary: "Remove a schedule; its runs go on.",
  scope: "admin",
  errors: ["schedule_not_found"],
  input: z.strictObject({ id }),
  async run({ tutti }, { id: asked }) {
    await tutti.schedules.remove(asked);
    return { id: asked, removed: true };
  },
  http: { method: "delete", path: "/v1/schedules/:id" },
  command: { words: "schedules remove", given: { id: word("<id>") }, input: (given) => given },
  printed: { text: (gone) => `${gone.id} removed` },
});

const planned = offlineOperation({
  name: "schedules.planned_times",
  summary: "Tell when a cron expression fires; needs no Redis.",
  scope: "read",
  // What the fields mean is checked where times are planned, with all problems at once.
  input: z.object({
    cron: z.string().max(200).default("").describe("Cron expression."),
    timeZone: z.string().max(200).optional().describe("Zone that it is read in. Default: UTC."),
    from: z.string().max(100).optional().describe("Firings after this time. Default: now."),
    count: z
      .union([z.string().max(20), z.number()])
      .optional()
      .describe("How many, up to 1,000. Default: 10."),
  }),
  run: (_context, form) => plannedTimes(form),
  http: { method: "get", path: "/v1/planned-times", bodyOf: (times) => ({ times }) },
  command: {
    words: "schedules next",
    given: {
      cron: needed(word("--cron <expression>", CRON_FORMS)),
      timeZone: word("--zone <name>", "zone that --cron is read in; default: UTC"),
      from: word("--from <time>", "firings after this time, as ISO 8601; default: now"),
      count: whole("--count <number>", "how many, up to 1,000; default: 10"),
    },
    input: (given) => given,
  },
  printed: { text: (times) => times.join("\n") },
});

/** Workflows that start at planned times. */
export const scheduleOperations = [list, show, ...switches, run, remove, planned];

function whenText({ cron, timeZone, everyMs }: ScheduleSummary): string {
  return cron === undefined ? `every ${everyMs} ms` : `${cron} ${timeZone}`;
}
