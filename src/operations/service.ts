import * as z from "zod";

import { messageOf } from "../../config/index.ts";
import { unsettled } from "../../queues/index.ts";
import { VERSION } from "../version.ts";
import { operation } from "./operation.ts";

/** A duty that is later than this, and than so many of its passes, is told. Milliseconds. */
const LATE_MS = 30_000;
const LATE_PASSES = 3;

const health = operation({
  name: "service.health",
  summary: "Say whether the process answers.",
  scope: "read",
  input: z.strictObject({}),
  run: ({ openedAtMs }) => ({
    status: "ok",
    version: VERSION,
    uptimeMs: Math.round(performance.now() - openedAtMs),
    now: new Date().toISOString(),
  }),
  http: { method: "get", path: "/health" },
});

const ready = operation({
  name: "service.ready",
  summary: "Say whether runs can be taken and worked on.",
  scope: "read",
  input: z.strictObject({}),
  async run({ tutti }) {
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
    return {
      status: reasons.length === 0 ? "ready" : "not_ready",
      reasons,
      workers,
      ...(warnings.length > 0 ? { warnings } : {}),
    };
  },
  http: {
    method: "get",
    path: "/ready",
    statusOf: ({ status }) => (status === "ready" ? 200 : 503),
  },
});

/** How the service is. */
export const serviceOperations = [health, ready];
