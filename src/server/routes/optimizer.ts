import { type Route, route } from "./route.ts";

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
];
