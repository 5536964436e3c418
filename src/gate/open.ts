import type { ToolRegistry } from "../../config/index.ts";
import { Turns } from "../../queues/client.ts";
import { withDeadlines, type Deadlines } from "../deadlines.ts";
import type { Stores } from "../stores.ts";
import { GateDoor } from "./limits/door.ts";
import { answerWhy, type WhyQuestion } from "./why/answer.ts";
import type { Why } from "./why/why.ts";

/** Everything about the gate that a client offers. */
export interface GateDoors {
  readonly gate: GateDoor;
  readonly why: (question: WhyQuestion) => Promise<Why>;
}

/** Opens the doors of a client. */
export function openGate(stores: Stores, registry: ToolRegistry, deadlines: Deadlines): GateDoors {
  const { redis, keys, gate, presence, runs, waits, show } = stores;
  const parts = { gate, presence, runs, waits, turns: new Turns(redis, keys), registry };
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
