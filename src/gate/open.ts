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
import { withDeadlines, type Deadlines } from "../deadlines.ts";
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
  readonly deadlines: Deadlines;
}): GateDoors {
  const { redis, keys, run, queues, tools: registry, presence, deadlines } = client;
  const gate = new Gate(redis, keys);
  const show = (ids: readonly string[]) => showLimits(redis, keys, queues, ids);
  const turns = new Turns(redis, keys);
  const parts = { gate, presence, runs: run.runs, waits: run.waits, turns, registry };
  return {
    gate: withDeadlines(new GateDoor({ gate, show, registry }), deadlines, {
      show: "soon",
      catalogues: "soon",
      set: "kept",
      reset: "kept",
      level: "soon",
      setLevel: "kept",
    }),
    why: (question) => deadlines.soon(answerWhy(parts, question)),
  };
}
