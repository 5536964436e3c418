import { z } from "zod";

import { RUN_STATES } from "../../../queues/index.ts";
import { jsonObject, type Route, route } from "./route.ts";

/** Runs that a page of the list holds unless the caller says otherwise, and at most. */
const LIST_RUNS = 50;
const MAX_LIST_RUNS = 1_000;

const runAddress = z.object({ id: z.string().min(1).max(200) });

/** Submitting, reading and stopping runs. */
export const runRoutes: readonly Route[] = [
  route(
    {
      method: "post",
      path: "/v1/runs",
      summary: "Submit a workflow; answers before it runs.",
      body: z.strictObject({
        /** A workflow document, or its YAML or JSON text. */
        workflow: z.union([z.string(), jsonObject], { error: "expected an object or a text" }),
        input: jsonObject.optional(),
        /** Makes the submission repeatable: the same id gives the same run. */
        runId: z.string().optional(),
      }),
    },
    async ({ body, correlationId }, { tutti }) => {
      const { runId } = await tutti.submit(body.workflow, {
        correlationId,
        ...(body.input === undefined ? {} : { input: body.input }),
        ...(body.runId === undefined ? {} : { runId: body.runId }),
      });
      return {
        status: 202,
        body: { runId },
        headers: { location: `/v1/runs/${encodeURIComponent(runId)}` },
      };
    },
  ),
  route(
    {
      method: "get",
      path: "/v1/runs",
      summary: "List runs, newest first.",
      query: z.strictObject({
        limit: z.coerce.number().int().min(1).max(MAX_LIST_RUNS).default(LIST_RUNS),
        state: z.enum(RUN_STATES).optional(),
      }),
    },
    async ({ query: { limit, state } }, { tutti }) => ({
      status: 200,
      body: { runs: await tutti.list({ limit, ...(state === undefined ? {} : { state }) }) },
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/runs/:id",
      summary: "A run with its steps.",
      params: runAddress,
      query: z.strictObject({ outputs: z.stringbool().default(true) }),
    },
    async ({ params, query }, { tutti }) => ({
      status: 200,
      body: await tutti.get(params.id, { outputs: query.outputs }),
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/runs/:id/events",
      summary: "What happens in a run, as server-sent events; ends with the run.",
      params: runAddress,
    },
    ({ params, signal }, { tutti }) => ({ events: tutti.watch(params.id, { signal }) }),
  ),
  route(
    {
      method: "post",
      path: "/v1/runs/:id/cancel",
      summary: "Cancel a run.",
      params: runAddress,
      body: z.strictObject({ reason: z.string().max(1_000).optional() }).optional(),
    },
    async ({ params, body }, { tutti }) => ({
      status: 202,
      body: {
        runId: params.id,
        ...(await tutti.cancel(
          params.id,
          body?.reason === undefined ? {} : { reason: body.reason },
        )),
      },
    }),
  ),
];
