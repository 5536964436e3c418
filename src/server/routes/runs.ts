import { z } from "zod";

import { RUN_STATES } from "../../../queues/client.ts";
import { documentBody, jsonObject, type Route, route } from "./route.ts";

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
      summary: "Submit a workflow, or start a registered one; answers before it runs.",
      body: z
        .strictObject({
          /** A workflow document, or its YAML or JSON text. */
          workflow: documentBody.optional(),
          /** A registered workflow instead. */
          workflowId: z.string().min(1).max(200).optional(),
          /** The version of it. Default: the current one. */
          hash: z.string().min(1).max(200).optional(),
          input: jsonObject.optional(),
          /** Makes the submission repeatable: the same id gives the same run. So does `Idempotency-Key`. */
          runId: z.string().optional(),
        })
        .check(({ value, issues }) => {
          const refuse = (message: string, path: string[] = []) =>
            issues.push({ code: "custom", message, path, input: value });
          if ((value.workflow === undefined) === (value.workflowId === undefined)) {
            const got = value.workflow === undefined ? "none" : "both";
            refuse(`expected either workflow or workflowId, got: ${got}`);
          }
          if (value.hash !== undefined && value.workflowId === undefined)
            refuse("expected a hash only beside workflowId", ["hash"]);
        }),
    },
    async ({ body, correlationId, key }, { tutti }) => {
      const { workflow, workflowId, hash, input, runId } = body;
      const options = {
        correlationId,
        ...(input === undefined ? {} : { input }),
        ...(runId === undefined ? {} : { runId }),
        ...(key === undefined ? {} : { key }),
      };
      const submitted =
        workflowId === undefined
          ? await tutti.submit(workflow ?? "", options)
          : await tutti.start(workflowId, hash === undefined ? options : { ...options, hash });
      return {
        status: 202,
        body: { runId: submitted.runId },
        headers: { location: `/v1/runs/${encodeURIComponent(submitted.runId)}` },
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
