import { z } from "zod";

import { applyForm } from "../../optimizer/service/door.ts";
import { jsonObject, type Route, route } from "./route.ts";

/** What the scheduled optimizer sees. */
export const optimizerRoutes: readonly Route[] = [
  route(
    {
      method: "get",
      path: "/v1/optimizer",
      summary:
        "Metrics, health, bottlenecks and alerts, as the last pass saw them; `report` is null before the first.",
    },
    async (_request, { tutti }) => ({
      status: 200,
      body: { report: await tutti.optimizer.report() },
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/optimizer/history",
      summary: "What the optimizer changed, by whom and why, and what it did, the newest first.",
      query: z.strictObject({ limit: z.coerce.number().optional() }),
    },
    async ({ query: { limit } }, { tutti }) => ({
      status: 200,
      body: { entries: await tutti.optimizer.history(limit === undefined ? {} : { limit }) },
    }),
  ),
  route(
    {
      method: "post",
      path: "/v1/optimizer/simulate",
      summary:
        "What other limits would have done to the load of the last minutes; nothing is changed.",
      body: jsonObject,
    },
    async ({ body }, { tutti }) => ({ status: 200, body: await tutti.optimizer.simulate(body) }),
  ),
  route(
    {
      method: "post",
      path: "/v1/optimizer/plans",
      summary:
        "What should be changed for targets, and what that would have done to the load of the last minutes; nothing is changed.",
      body: jsonObject.optional(),
    },
    async ({ body = {} }, { tutti }) => ({ status: 200, body: await tutti.optimizer.plans(body) }),
  ),
  route(
    {
      method: "post",
      path: "/v1/optimizer/apply",
      summary:
        "Make a plan and follow it: its changes are made one after another, measured, and taken back where they do harm.",
      body: applyForm.extend({ by: applyForm.shape.by.removeDefault().default("the API") }),
    },
    async ({ body }, { tutti }) => ({ status: 202, body: await tutti.optimizer.apply(body) }),
  ),
  route(
    {
      method: "post",
      path: "/v1/optimizer/history/:id/rollback",
      summary: "Take an adjustment back; its tool is then left alone for half an hour.",
      params: z.object({ id: z.coerce.number() }),
      body: z
        .strictObject({
          by: z.string().min(1).max(200).optional(),
          dryRun: z.boolean().optional(),
        })
        .optional(),
    },
    async ({ params: { id }, body: { by = "the API", dryRun } = {} }, { tutti }) => ({
      status: 200,
      body: await tutti.optimizer.rollback({ id, by, dryRun }),
    }),
  ),
];
