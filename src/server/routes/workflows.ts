import { z } from "zod";

import { RequestError } from "../http/problem.ts";
import { documentBody, type Route, route } from "./route.ts";

const address = z.object({ id: z.string().min(1).max(200) });
const version = z.strictObject({ hash: z.string().min(1).max(200).optional() });

/** Workflows that can be started by their id. */
export const workflowRoutes: readonly Route[] = [
  route(
    {
      method: "put",
      path: "/v1/workflows/:id",
      summary: "Register a workflow.",
      params: address,
      /** A workflow document, or its YAML or JSON text. */
      body: z.strictObject({ workflow: documentBody }),
    },
    async ({ params, body }, { tutti }) => {
      const { id } = tutti.prepare(body.workflow).workflow;
      if (id !== params.id) {
        throw new RequestError(
          `expected the document's id to be ${JSON.stringify(params.id)} as in the address, got: ${JSON.stringify(id)}`,
        );
      }
      const added = await tutti.workflows.add(body.workflow);
      return { status: added.created ? 201 : 200, body: added };
    },
  ),
  route(
    { method: "get", path: "/v1/workflows", summary: "The registered workflows, by id." },
    async (_request, { tutti }) => ({
      status: 200,
      body: { workflows: await tutti.workflows.list() },
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/workflows/:id",
      summary: "One registered workflow with its document and versions.",
      params: address,
      query: version,
    },
    async ({ params, query: { hash } }, { tutti }) => ({
      status: 200,
      body: await tutti.workflows.show(params.id, hash === undefined ? {} : { hash }),
    }),
  ),
  route(
    {
      method: "delete",
      path: "/v1/workflows/:id",
      summary: "Remove a workflow or one version; says who still names it.",
      params: address,
      query: version,
    },
    async ({ params, query: { hash } }, { tutti }) => ({
      status: 200,
      body: await tutti.workflows.remove(params.id, hash === undefined ? {} : { hash }),
    }),
  ),
];
