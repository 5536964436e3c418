import { z } from "zod";

import { byForm, decisionForm, jsonForm, pauseForm, resumeForm } from "../../runs/control/forms.ts";
import { type Route, route } from "./route.ts";

const id = z.string().min(1).max(200);
const address = z.object({ id });

/** What people do to a run that is there. */
export const controlRoutes: readonly Route[] = [
  route(
    {
      method: "post",
      path: "/v1/runs/:id/pause",
      summary: "Hold a run: no step of it begins, its time stands still.",
      params: address,
      body: pauseForm.optional(),
    },
    async ({ params, body = {} }, { tutti }) => ({
      status: 200,
      body: { runId: params.id, ...(await tutti.pause(params.id, body)) },
    }),
  ),
  route(
    {
      method: "post",
      path: "/v1/runs/:id/resume",
      summary: "Let a paused run go on, or do what failed of one that has ended again.",
      params: address,
      body: resumeForm.optional(),
    },
    async ({ params, body = {} }, { tutti }) => ({
      status: 202,
      body: { runId: params.id, ...(await tutti.resume(params.id, body)) },
    }),
  ),
  ...(["approve", "reject"] as const).map((verb) =>
    route(
      {
        method: "post",
        path: `/v1/runs/:id/${verb}`,
        summary:
          verb === "approve"
            ? "Approve a step that waits for it, or will."
            : "Reject a step that waits for approval; it fails.",
        params: address,
        body: decisionForm.extend({ step: id }),
      },
      async ({ params, body: { step, ...decision } }, { tutti }) => ({
        status: 200,
        body: { runId: params.id, ...(await tutti[verb](params.id, step, decision)) },
      }),
    ),
  ),
  route(
    {
      method: "post",
      path: "/v1/runs/:id/signal",
      summary: "Hand an event to the steps of the run that wait for it, or will.",
      params: address,
      body: byForm.extend({ event: z.string().min(1).max(200), data: jsonForm.optional() }),
    },
    async ({ params, body: { event, data, ...by } }, { tutti }) => ({
      status: 200,
      body: { runId: params.id, ...(await tutti.signal(params.id, event, data ?? null, by)) },
    }),
  ),
  route(
    {
      method: "post",
      path: "/v1/runs/:id/priority",
      summary: "Make a run more or less urgent, from 1 to 10.",
      params: address,
      body: z.strictObject({ priority: z.int().min(1).max(10) }),
    },
    async ({ params, body: { priority } }, { tutti }) => ({
      status: 200,
      body: { runId: params.id, ...(await tutti.setPriority(params.id, priority)) },
    }),
  ),
];
