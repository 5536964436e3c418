import type { Logger } from "pino";

import { messageOf } from "../../../config/index.ts";
import { emitEvent, type EmitParts } from "../../../queues/client.ts";
import type { Announce } from "./optimizer.ts";

/** Whose triggers and waiting steps hear of alerts, and who tells them. */
const TENANT = "default";
const ACTOR = "optimizer";

/**
 * Emits an event for each alert: `performance_degradation` when it is raised, `performance_degradation_resolved` when it is
 * over. Its data say which (a resource has an alert of its own), what was measured, and since when.
 */
export function announceAlerts(parts: EmitParts, log: Logger): Announce {
  return async ({ name, since, value, threshold }, what) => {
    const [kind = name] = name.split(":");
    try {
      await emitEvent(parts, {
        name: what === "raised" ? kind : `${kind}_resolved`,
        data: { alert: name, since, value, threshold },
        key: `${name} ${since}`,
        tenant: TENANT,
        actor: ACTOR,
      });
    } catch (thrown) {
      // The alert stands in the report; what hears of it must not keep the optimizer from its work.
      log.warn({ error: messageOf(thrown), alert: name }, "an alert was not announced");
    }
  };
}
