import { controlRoutes } from "./control.ts";
import { deadLetterRoutes } from "./dead-letters.ts";
import { gateRoutes } from "./gate.ts";
import { optimizerRoutes } from "./optimizer.ts";
import type { Route } from "./route.ts";
import { runRoutes } from "./runs.ts";
import { scheduleRoutes } from "./schedules.ts";
import { serviceRoutes } from "./service.ts";
import { toolRoutes } from "./tools.ts";
import { triggerRoutes } from "./triggers.ts";
import { workflowRoutes } from "./workflows.ts";

export type { Services } from "./route.ts";

/** Every route under the server's root. docs and tests read this table too. */
export const routes: readonly Route[] = [
  ...runRoutes,
  ...controlRoutes,
  ...deadLetterRoutes,
  ...workflowRoutes,
  ...scheduleRoutes,
  ...triggerRoutes,
  ...toolRoutes,
  ...gateRoutes,
  ...optimizerRoutes,
  ...serviceRoutes,
];
