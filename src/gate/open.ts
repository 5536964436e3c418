import type { Redis } from "ioredis";

import type { ToolRegistry } from "../../config/index.ts";
import { Turns } from "../../queues/client.ts";
import {
  Gate,
  showLimits,
  type Keys,
  type Presence,
  type StartParts,
  type ToolQueues,
} from "../../queues/index.ts";
import { GateDoor } from "./limits/door.ts";
import { answerWhy, type WhyQuestion } from "./why/answer.ts";
import type { Why } from "./why/why.ts";

/** Everything about the gate that a client offers. */
export interface GateDoors {
  readonly gate: GateDoor;
  readonly why: (question: WhyQuestion) => Promise<Why>;
}

/** Opens the doors of a client. */
export function openGate(client: {
  readonly redis: Redis;
  readonly keys: Keys;
  readonly run: Pick<StartParts, "runs" | "waits">;
  readonly queues: ToolQueues;
  readonly tools: ToolRegistry;
  readonly presence: Presence;
  /** Waits for Redis no longer than the client does. */
  readonly soon: <T>(work: Promise<T>) => Promise<T>;
  /** The same for what somebody is told is done: until it is kept. */
  readonly kept: <T>(work: () => Promise<T>) => Promise<T>;
}): GateDoors {
  const { redis, keys, run, queues, tools: registry, presence, soon, kept } = client;
  const gate = new Gate(redis, keys);
  const show = (ids: readonly string[]) => showLimits(redis, keys, queues, ids);
  const turns = new Turns(redis, keys);
  const parts = { gate, presence, runs: run.runs, waits: run.waits, turns, registry };
  return {
    gate: new GateDoor({ gate, show, registry, soon, kept }),
    why: (question) => soon(answerWhy(parts, question)),
  };
}
