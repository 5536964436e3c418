import { z } from "zod";

import { pageForm, pauseForm, replayAllForm, tenantForm } from "../../runs/control/forms.ts";
import { type Route, route } from "./route.ts";

const id = z.string().min(1).max(200);
/** `step` is an id, or `<id>[i]` for an item of a forEach. */
const address = z.object({ id, step: id });

/** Steps that failed after their last attempt. */
export const deadLetterRoutes: readonly Route[] = [
  route(
    {
      method: "get",
      path: "/v1/dead-letters",
      summary: "Steps that failed after their last attempt, newest first.",
      query: pageForm.extend({
        limit: z.coerce.number().int().min(1).max(1_000).optional(),
        offset: z.coerce.number().int().min(0).optional(),
      }),
    },
    async ({ query }, { tutti }) => ({ status: 200, body: await tutti.deadLetters.list(query) }),
  ),
  route(
    {
      method: "get",
      path: "/v1/dead-letters/groups",
      summary: "What is alike among the newest thousand of them, the largest group first.",
      query: tenantForm,
    },
    async ({ query }, { tutti }) => ({
      status: 200,
      body: { groups: await tutti.deadLetters.groups(query) },
    }),
  ),
  route(
    {
      method: "get",
      path: "/v1/dead-letters/:id/:step",
      summary: "One of them, with the input of its run.",
      params: address,
    },
    async ({ params }, { tutti }) => ({
      status: 200,
      body: await tutti.deadLetters.show(params.id, params.step),
    }),
  ),
  route(
    {
      method: "post",
      path: "/v1/dead-letters/replay",
      summary: "Do all of them again that are there now, each run once.",
      body: replayAllForm.optional(),
    },
    async ({ body = {} }, { tutti }) => ({
      status: 202,
      body: { replayed: await tutti.deadLetters.replayAll(body) },
    }),
  ),
  route(
    {
      method: "post",
      path: "/v1/dead-letters/:id/:step/replay",
      summary: "Do one of them again, with all that depends on it.",
      params: address,
      body: pauseForm.optional(),
    },
    async ({ params, body = {} }, { tutti }) => ({
      status: 202,
      body: await tutti.deadLetters.replay(params.id, params.step, body),
    }),
  ),
  route(
    {
      method: "delete",
      path: "/v1/dead-letters",
      summary: "Forget all of them that are there now; their runs stay.",
      query: tenantForm,
    },
    async ({ query }, { tutti }) => ({
      status: 200,
      body: await tutti.deadLetters.discardAll(query),
    }),
  ),
  route(
    {
      method: "delete",
      path: "/v1/dead-letters/:id/:step",
      summary: "Forget one of them; its run stays.",
      params: address,
    },
    async ({ params }, { tutti }) => {
      await tutti.deadLetters.discard(params.id, params.step);
      return { status: 200, body: { runId: params.id, step: params.step, discarded: true } };
    },
  ),
];
