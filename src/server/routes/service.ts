import { messageOf } from "../../../config/index.ts";
import { type Route, route } from "./route.ts";

/** How the service is. */
export const serviceRoutes: readonly Route[] = [
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
