import { z } from "zod";

import { plannedTimes, type PlannedTimesForm } from "../../starting/planned-times.ts";
import { type ScheduleForm } from "../../starting/schedule-form.ts";
import { jsonObject, type Route, route } from "./route.ts";

const address = z.object({ id: z.string().min(1).max(200) });

const plannedQuery = z.object({
  cron: z.string().max(200).default(""),
  timeZone: z.string().max(200).optional(),
  from: z.string().max(100).optional(),
  count: z.string().max(20).optional(),
});

/** Workflows that start at planned times. */
export const scheduleRoutes: readonly Route[] = [
  route(
    {
      method: "get",
      path: "/v1/planned-times",
      summary: "When a schedule with a cron expression would fire.",
      query: plannedQuery,
    },
    ({ query }) => {
      const given = Object.entries(query).filter(([, value]) => value !== undefined);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own form checks it, with all problems at once
      const form = Object.fromEntries(given) as PlannedTimesForm;
      return { status: 200, body: { times: plannedTimes(form) } };
    },
  ),
  route(
    {
      method: "post",
      path: "/v1/schedules",
      summary: "Add a schedule, or replace the one of this id.",
      body: jsonObject,
    },
    async ({ body }, { tutti }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own form checks it, with all problems at once
      const added = await tutti.schedules.add(body as unknown as ScheduleForm);
      return {
        status: added.created ? 201 : 200,
        body: added,
        headers: { location: `/v1/schedules/${encodeURIComponent(added.id)}` },
      };
    },
  ),
  route(
    { method: "get", path: "/v1/schedules", summary: "The schedules, by id." },
    async (_request, { tutti }) => ({
      status: 200,
      body: { schedules: await tutti.schedules.list() },
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/schedules/:id",
      summary: "One schedule with its last firings.",
      params: address,
    },
    async ({ params }, { tutti }) => ({ status: 200, body: await tutti.schedules.show(params.id) }),
  ),
  route(
    {
      method: "post",
      path: "/v1/schedules/:id/pause",
      summary: "Fire nothing until it is resumed.",
      params: address,
    },
    async ({ params }, { tutti }) => {
      await tutti.schedules.pause(params.id);
      return { status: 200, body: { id: params.id, paused: true } };
    },
  ),
  route(
    {
      method: "post",
      path: "/v1/schedules/:id/resume",
      summary: "Fire again; what was planned meanwhile is not made up for.",
      params: address,
    },
    async ({ params }, { tutti }) => {
      await tutti.schedules.resume(params.id);
      return { status: 200, body: { id: params.id, paused: false } };
    },
  ),
  route(
    {
      method: "post",
      path: "/v1/schedules/:id/run",
      summary: "Fire now, also while it is paused; tells what became of it.",
      params: address,
    },
    async ({ params }, { tutti }) => ({ status: 200, body: await tutti.schedules.run(params.id) }),
  ),
  route(
    {
      method: "delete",
      path: "/v1/schedules/:id",
      summary: "Remove a schedule; its runs go on.",
      params: address,
    },
    async ({ params }, { tutti }) => {
      await tutti.schedules.remove(params.id);
      return { status: 200, body: { id: params.id, removed: true } };
    },
  ),
];
