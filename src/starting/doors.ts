import type { ToolRegistry } from "../../config/index.ts";
import type { StartParts } from "../../queues/index.ts";
import { withDeadlines, type Deadlines } from "../deadlines.ts";
import type { Stores } from "../stores.ts";
import { ScheduleDoor } from "./schedules.ts";
import { EventDoor, TriggerDoor } from "./triggers.ts";
import { Workflows } from "./workflows.ts";

/** Everything about registered workflows that a client offers. */
export interface Doors {
  readonly workflows: Workflows;
  readonly schedules: ScheduleDoor;
  readonly triggers: TriggerDoor;
  readonly events: EventDoor;
}

/** Opens the doors of a client. */
export function openDoors(
  stores: Stores,
  start: StartParts,
  tools: ToolRegistry,
  deadlines: Deadlines,
): Doors {
  const { registry, queues } = stores;
  const fire = { ...start, schedules: stores.schedules };
  const emit = { ...start, triggers: stores.triggers, queues };
  const schedules = new ScheduleDoor({ fire, queues });
  const triggers = new TriggerDoor({ emit, registry });
  const workflows = new Workflows({
    tools,
    registry,
    usedBy: async (id) => ({ schedules: await schedules.of(id), triggers: await triggers.of(id) }),
  });
  return {
    workflows: withDeadlines(workflows, deadlines, {
      add: "kept",
      list: "soon",
      show: "soon",
      tools: "soon",
      remove: "kept",
    }),
    schedules: withDeadlines(schedules, deadlines, {
      add: "kept",
      list: "soon",
      show: "soon",
      pause: "kept",
      resume: "kept",
      run: "kept",
      remove: "kept",
      of: "soon",
    }),
    triggers: withDeadlines(triggers, deadlines, {
      add: "kept",
      list: "soon",
      remove: "kept",
      of: "soon",
    }),
    events: withDeadlines(new EventDoor({ emit, registry }), deadlines, { emit: "kept" }),
  };
}
