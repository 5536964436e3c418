import type { Logger } from "pino";

import type { Json, JsonObject } from "../../config/index.ts";
import type {
  Durability,
  Items,
  JobMoves,
  Keys,
  Ledger,
  Presence,
  Results,
  StartParts,
  ToolQueues,
  ToolTerms,
  Values,
  RedisClock,
} from "../../queues/index.ts";
import type { Doorkeeper } from "../gate/doorkeeper.ts";
import type { Settlement } from "../gate/settlement.ts";
import type { Meter } from "../optimizer/samples/meter.ts";
import type { Repeats } from "../optimizer/samples/repeats.ts";
import type { RepeatedLog } from "../repeated-log.ts";
import type { CallerContext } from "../tools/calling/call-scope.ts";
import type { ActiveCalls } from "./active-calls.ts";
import type { Definitions } from "./definitions.ts";
import type { Suspects } from "./suspects.ts";

/** Calls tools; see tools/bound-tools.ts. */
interface ToolCaller {
  call(
    toolId: string,
    input: JsonObject,
    context: CallerContext,
    options: {
      readonly timeoutMs: number;
      readonly secrets: Iterable<string>;
      readonly terms?: ToolTerms | undefined;
    },
  ): Promise<Json>;
}

/** What the processors of one worker process share. */
export interface Engine extends StartParts {
  readonly keys: Keys;
  readonly ledger: Ledger;
  /** Ends steps and their jobs by one script; not with a BullMQ that this was not tested with. */
  readonly moves: JobMoves | undefined;
  /** Says when what was written survives the end of a Redis server. */
  readonly durability: Durability;
  readonly values: Values;
  readonly items: Items;
  readonly results: Results;
  readonly queues: ToolQueues;
  readonly definitions: Definitions;
  readonly tools: ToolCaller;
  /** Permits of running jobs, and what their calls really used. */
  readonly keeper: Doorkeeper;
  readonly settlement: Settlement;
  /** Counts what this process does, for the samples. */
  readonly meter: Meter;
  /** Tells which calls are made again with the same input. */
  readonly repeats: Repeats;
  readonly active: ActiveCalls;
  readonly suspects: Suspects;
  /** @throws TuttiError `secret_missing`. */
  secret(name: string): string;
  /** Id of this worker process, by which it is known in the presence and as BullMQ's worker. */
  readonly worker: string;
  readonly presence: Presence;
  /** So long the result of a silent worker's call is waited for, when nobody else may make it. Milliseconds. */
  readonly lateResultMs: number;
  readonly log: Logger;
  /** How this process's clock differs from Redis'. */
  readonly clock: RedisClock;
  /** Where troubles are told that come again and again. */
  readonly troubles: RepeatedLog;
}
