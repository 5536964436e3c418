import { messageOf } from "../../../config/index.ts";
import { unsettled } from "../../../queues/index.ts";
import { type Route, route } from "./route.ts";

/** A duty that is later than this, and than so many of its passes, is told. Milliseconds. */
const LATE_MS = 30_000;
const LATE_PASSES = 3;

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
      const warnings: string[] = [];
      let workers = 0;
      try {
        await tutti.ping();
        workers = (await tutti.workers()).length;
        if (workers === 0) reasons.push("no live worker");
        for (const { name, error, failures, behind, lateMs, everyMs } of await tutti.duties()) {
          if (error !== null) reasons.push(`the duty ${name} fails: ${error}`);
          if (failures.length > 0)
            warnings.push(`the duty ${name} could not do everything: ${failures[0]}`);
          if (behind !== undefined && behind > 0)
            warnings.push(`the duty ${name} is behind: ${behind} are due and not done`);
          if (lateMs > Math.max(LATE_MS, LATE_PASSES * everyMs))
            warnings.push(`the duty ${name} is ${Math.round(lateMs / 1_000)} s late`);
        }
        warnings.push(...unsettled(await tutti.gate.catalogues()).map(({ sentence }) => sentence));
      } catch (thrown) {
        reasons.push(messageOf(thrown));
      }
      const ready = reasons.length === 0;
      return {
        status: ready ? 200 : 503,
        body: {
          status: ready ? "ready" : "not_ready",
          reasons,
          workers,
          ...(warnings.length > 0 ? { warnings } : {}),
        },
      };
    },
  ),
];
