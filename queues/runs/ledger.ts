import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { Keys } from "../names.ts";
import { Gather } from "./gather.ts";
import {
  FIELDS,
  letterOf,
  parseStepRecord,
  type Abort,
  type Outcome,
  type StepError,
  type StepRecord,
} from "./run-record.ts";
import { LEDGER_SCRIPT } from "./scripts/ledger.ts";

/** A step, or one item of it, as the ledger addresses it. */
export interface StepAddress {
  readonly runId: string;
  readonly stepId: string;
  readonly item?: number;
  /** Which start of its BullMQ job is speaking; later starts fence earlier ones. */
  readonly start: number;
}

/** What {@link Ledger.begin} found. */
export type Begun =
  /** There is no such run any more, or it has ended: nothing to do. */
  | { readonly status: "gone" }
  /** A later start of the same step is at work: this one must not speak. */
  | { readonly status: "fenced" }
  /** The step ended before; the job only has to finish. */
  | {
      readonly status: "done";
      readonly record: StepRecord;
      readonly abort?: Abort;
      readonly values: Values;
    }
  /**
   * `go`: the start is marked. `unknown`: it is marked too, but an earlier start was marked and never
   * ended, and calling again is not safe.
   */
  | {
      readonly status: "go" | "unknown";
      readonly record: StepRecord;
      readonly abort?: Abort;
      readonly values: Values;
    };

/** Fields of the run record, in the order asked for. */
export type Values = readonly (string | null)[];

/** How a step ended, ready to be written. */
export interface Ending {
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly error?: StepError;
  readonly reason?: string;
  /** The output as JSON, or a reference to it. */
  readonly output?: string;
  /** Stops the rest of the run together with this ending. */
  readonly abort?: Abort;
}

/** What became of a commit. Only `ok` wrote something. */
export type Committed =
  | {
      readonly status: "ok" | "done";
      readonly record: StepRecord;
      /** The run is being stopped and this was the last step that ran. */
      readonly lastOfAborted: boolean;
    }
  | { readonly status: "gone" }
  | { readonly status: "fenced" };

type Argument = string | number;

interface Operation {
  readonly key: string;
  /** Its kind, then its arguments. */
  readonly call: readonly Argument[];
}

/** What the script answers to one operation; false for what does not exist. */
type Answer = readonly (string | false)[];

/** Operations of one script call; keeps Redis free for others in between. */
const MAX_BATCH = 64;

type LedgerCommand = (keyCount: number, ...args: string[]) => Promise<string>;

/**
 * Writes what happens to steps. Every ending is written once, by one script, before its BullMQ job
 * finishes; whoever comes later gets the ending that stands.
 *
 * The steps of a process share its calls: see {@link Gather}.
 */
export class Ledger {
  readonly #operations: Gather<Operation, Answer>;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    redis.defineCommand("tuttiLedger", { lua: LEDGER_SCRIPT });
    const commands = redis as unknown as { tuttiLedger: LedgerCommand };
    this.#operations = new Gather(MAX_BATCH, async (batch) => {
      const calls = JSON.stringify(batch.map(({ call }) => call));
      const keysOf = batch.map(({ key }) => key);
      return readJson<Answer[]>(await commands.tuttiLedger(batch.length, ...keysOf, calls));
    });
    this.#keys = keys;
  }

  /** Marks that a step starts and reads `fields` of the run record in the same call. */
  async begin(
    step: StepAddress,
    options: { readonly once: boolean; readonly fields: readonly string[] },
  ): Promise<Begun> {
    const [status, text, abort, ...values] = await this.#do(step.runId, [
      "begin",
      FIELDS.record(step.stepId, step.item),
      step.start,
      options.once ? 1 : 0,
      ...options.fields,
    ]);
    if (status === "gone" || status === "fenced") return { status };
    const begun = {
      record: parseStepRecord(text || null),
      values: values.map(orNull),
      ...abortOf(abort),
    };
    return { status: status as "go" | "unknown" | "done", ...begun };
  }

  /** Writes how a step ended, unless that is written already. */
  async commit(step: StepAddress, ending: Ending): Promise<Committed> {
    const detail =
      ending.error === undefined ? wellFormed(ending.reason ?? "") : JSON.stringify(ending.error);
    const [status, text, left] = await this.#do(step.runId, [
      "commit",
      FIELDS.record(step.stepId, step.item),
      step.start,
      letterOf(ending.outcome),
      ending.attempts,
      detail,
      ending.abort === undefined ? "" : JSON.stringify(ending.abort),
      ...(ending.output === undefined
        ? []
        : [FIELDS.output(step.stepId, step.item), ending.output]),
    ]);
    if (status === "ok" || status === "done") {
      return { status, record: parseStepRecord(text || null), lastOfAborted: left === "0" };
    }
    return status === "fenced" ? { status } : { status: "gone" };
  }

  /** Notes that an attempt failed and another will follow. `abort` = it must not. */
  async retry(
    step: StepAddress,
    attempts: number,
    error: StepError,
  ): Promise<"ok" | "abort" | "done" | "gone" | "fenced"> {
    const [status] = await this.#do(step.runId, [
      "retry",
      FIELDS.record(step.stepId, step.item),
      step.start,
      attempts,
      JSON.stringify(error),
    ]);
    return status as "ok";
  }

  /** Takes a begin back, because the step has to wait after all: nothing was called. */
  async undo(step: StepAddress): Promise<void> {
    await this.#do(step.runId, ["undo", FIELDS.record(step.stepId, step.item), step.start]);
  }

  /** Reads fields of a run record; null for those that do not exist. */
  async read(runId: string, fields: readonly string[]): Promise<Values> {
    if (fields.length === 0) return [];
    return (await this.#do(runId, ["read", ...fields])).map(orNull);
  }

  #do(runId: string, call: readonly Argument[]): Promise<Answer> {
    return this.#operations.add({ key: this.#keys.run(runId), call });
  }
}

/** Half a surrogate pair would be refused by the script's JSON parser, and all its batch with it. */
const wellFormed = (text: string): string => Buffer.from(text).toString();

const orNull = (value: string | false): string | null => (value === false ? null : value);

function abortOf(text: string | false | undefined): { abort?: Abort } {
  return text ? { abort: JSON.parse(text) as Abort } : {};
}
