import type { Redis } from "ioredis";

import type { ToolRegistry } from "../../config/index.ts";
import {
  Schedules,
  Triggers,
  type Keys,
  type StartParts,
  type ToolQueues,
} from "../../queues/index.ts";
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
export function openDoors(client: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly start: StartParts;
  readonly queues: ToolQueues;
  readonly tools: ToolRegistry;
  /** Waits for Redis no longer than the client does. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
  /** The same for what somebody is told is done: until it is kept. */
  readonly kept: <T>(work: () => Promise<T>) => Promise<T>;
}): Doors {
  const { redis, keys, start, queues, tools, soon, kept } = client;
  const { registry } = start;
  const fire = { ...start, schedules: new Schedules(redis, keys) };
  const emit = { ...start, triggers: new Triggers(redis, keys), queues };
  const schedules = new ScheduleDoor({ fire, queues, soon, kept });
  const triggers = new TriggerDoor({ emit, registry, soon, kept });
  const workflows = new Workflows({
    tools,
    registry,
    usedBy: async (id) => ({ schedules: await schedules.of(id), triggers: await triggers.of(id) }),
    soon,
    kept,
  });
  return { workflows, schedules, triggers, events: new EventDoor({ emit, registry, soon, kept }) };
}
