import { z } from "zod";

import type { Json } from "../../../config/index.ts";
import type { TriggerForm } from "../../starting/triggers.ts";
import { jsonObject, type Route, route } from "./route.ts";

// Parsed by reference, like objects: a copy would lose keys that must be refused by name.
const json = z.custom<Json>((value) => value !== undefined);

/** Events, and the workflows that they start. */
export const triggerRoutes: readonly Route[] = [
  route(
    {
      method: "post",
      path: "/v1/events",
      summary: "Say that something happened; `Idempotency-Key` makes it repeatable.",
      body: z.strictObject({
        name: z.string(),
        data: json.optional(),
        tenant: z.string().min(1).max(200).optional(),
      }),
    },
    async ({ body: { name, data, tenant }, key }, { tutti }) => ({
      status: 202,
      body: await tutti.events.emit(name, data, {
        ...(key === undefined ? {} : { key }),
        ...(tenant === undefined ? {} : { tenant }),
      }),
    }),
  ),
  route(
    {
      method: "post",
      path: "/v1/triggers",
      summary: "Add a trigger, or replace the one of this id.",
      body: jsonObject,
    },
    async ({ body }, { tutti }) => {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its own form checks it, with all problems at once
      const added = await tutti.triggers.add(body as unknown as TriggerForm);
      return { status: added.created ? 201 : 200, body: added };
    },
  ),
  route(
    { method: "get", path: "/v1/triggers", summary: "The triggers, by id." },
    async (_request, { tutti }) => ({
      status: 200,
      body: { triggers: await tutti.triggers.list() },
    }),
  ),
  route(
    {
      method: "delete",
      path: "/v1/triggers/:id",
      summary: "Remove a trigger; its runs go on.",
      params: z.object({ id: z.string().min(1).max(200) }),
    },
    async ({ params }, { tutti }) => {
      await tutti.triggers.remove(params.id);
      return { status: 200, body: { id: params.id, removed: true } };
    },
  ),
];
