import { z } from "zod";

import { CATEGORIES, type JsonObject, messageOf } from "../../config/index.ts";
import { RUN_STATES } from "../../queues/index.ts";
import { viewTool } from "../tool-view.ts";
import { type Route, route } from "./route.ts";

/** Runs that a page of the list holds unless the caller says otherwise, and at most. */
const LIST_RUNS = 50;
const MAX_LIST_RUNS = 1_000;

// Parsed by reference, not copied: a copy would lose keys such as `__proto__`, which must be refused by name.
const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === "object" && value !== null && !Array.isArray(value),
  { error: "expected an object" },
);

const runAddress = z.object({ id: z.string().min(1).max(200) });

/** Every route under the server's root. docs and tests read this table too. */
export const routes: readonly Route[] = [
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
  route(
    {
      method: "get",
      path: "/v1/tools",
      summary: "The tools of the catalogue.",
      query: z.strictObject({
        capability: z.string().min(1).optional(),
        category: z.enum(CATEGORIES).optional(),
      }),
    },
    ({ query: { capability, category } }, { registry }) => {
      const capable = capability === undefined ? null : registry.findByCapability(capability);
      const tools = registry
        .list()
        .filter(({ spec }) => capable === null || capable.includes(spec.id))
        .filter(({ spec }) => category === undefined || spec.category === category)
        .map(({ spec }) => viewTool(spec));
      return { status: 200, body: { tools } };
    },
  ),
  route(
    {
      method: "get",
      path: "/v1/tools/:id",
      summary: "One tool with its schemas.",
      params: z.object({ id: z.string().min(1).max(200) }),
    },
    ({ params }, { registry }) => ({
      status: 200,
      body: viewTool(registry.require(params.id).spec),
    }),
  ),
  route(
    { method: "get", path: "/health", summary: "Whether the process answers." },
    (_request, { version, startedAtMs }) => ({
      status: 200,
      body: {
        status: "ok",
        version,
        uptimeMs: Math.round(performance.now() - startedAtMs),
        now: new Date().toISOString(),
      },
    }),
  ),
  route(
    { method: "get", path: "/ready", summary: "Whether runs can be taken and worked on." },
    async (_request, { tutti }) => {
      const reasons: string[] = [];
      let workers = 0;
      try {
        await tutti.ping();
        workers = (await tutti.workers()).length;
        if (workers === 0) reasons.push("no live worker");
      } catch (thrown) {
        reasons.push(messageOf(thrown));
      }
      const ready = reasons.length === 0;
      return {
        status: ready ? 200 : 503,
        body: { status: ready ? "ready" : "not_ready", reasons, workers },
      };
    },
  ),
];
