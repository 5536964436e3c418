import { z } from "zod";

import { CATEGORIES } from "../../../config/index.ts";
import { viewTool } from "../../tools/tool-view.ts";
import { type Route, route } from "./route.ts";

/** Reading the catalogue. */
export const toolRoutes: readonly Route[] = [
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
];
