import type { Redis } from "ioredis";

import type { Keys } from "./names.ts";
import {
  FIELDS,
  letterOf,
  parseStepRecord,
  shownAs,
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

interface Operation {
  readonly key: string;
  readonly kind: "begin" | "commit" | "retry" | "read";
  readonly args: readonly (string | number)[];
  resolve(answer: Values): void;
  reject(error: unknown): void;
}

/** Operations of one script call; keeps Redis free for others in between. */
const MAX_BATCH = 64;

type LedgerCommand = (keyCount: number, ...args: (string | number)[]) => Promise<Values[]>;

/**
 * Writes what happens to steps. Every ending is written once, by one script, before its BullMQ job
 * finishes; whoever comes later gets the ending that stands.
 *
 * Operations that are asked for together travel together: on a busy worker that is one command for
 * dozens of steps, on an idle one it costs nothing. They are sent before whatever the caller does next
 * on the same connection, in the order they were asked for.
 */
export class Ledger {
  readonly #call: LedgerCommand;
  readonly #keys: Keys;
  #waiting: Operation[] = [];
  #scheduled = false;

  constructor(redis: Redis, keys: Keys) {
    redis.defineCommand("tuttiLedger", { lua: LEDGER_SCRIPT });
    const commands = redis as unknown as { tuttiLedger: LedgerCommand };
    this.#call = (...args) => commands.tuttiLedger(...args);
    this.#keys = keys;
  }

  /** Marks that a step starts and reads `fields` of the run record in the same call. */
  async begin(
    step: StepAddress,
    options: {
      readonly once: boolean;
      readonly fields: readonly string[];
    },
  ): Promise<Begun> {
    const [status, text, , abort, ...values] = await this.#do("begin", step.runId, [
      FIELDS.record(step.stepId, step.item),
      step.start,
      options.once ? "1" : "0",
      this.#keys.events(step.runId),
      shownAs(step.stepId, step.item),
      ...options.fields,
    ]);
    if (status === "gone" || status === "fenced") return { status };
    const begun = { record: parseStepRecord(text), values, ...abortOf(abort) };
    return { status: status as "go" | "unknown" | "done", ...begun };
  }

  /** Writes how a step ended, unless that is written already. */
  async commit(step: StepAddress, ending: Ending): Promise<Committed> {
    const detail =
      ending.error === undefined ? (ending.reason ?? "") : JSON.stringify(ending.error);
    const [status, text, left] = await this.#do("commit", step.runId, [
      FIELDS.record(step.stepId, step.item),
      step.start,
      letterOf(ending.outcome),
      ending.attempts,
      detail,
      this.#keys.events(step.runId),
      shownAs(step.stepId, step.item),
      ending.abort === undefined ? "" : JSON.stringify(ending.abort),
      ...(ending.output === undefined
        ? []
        : [FIELDS.output(step.stepId, step.item), ending.output]),
    ]);
    if (status === "ok" || status === "done") {
      return { status, record: parseStepRecord(text), lastOfAborted: left === "0" };
    }
    return status === "fenced" ? { status } : { status: "gone" };
  }

  /** Notes that an attempt failed and another will follow. `abort` = it must not. */
  async retry(
    step: StepAddress,
    attempts: number,
    error: StepError,
  ): Promise<"ok" | "abort" | "done" | "gone" | "fenced"> {
    const [status] = await this.#do("retry", step.runId, [
      FIELDS.record(step.stepId, step.item),
      step.start,
      attempts,
      JSON.stringify(error),
      this.#keys.events(step.runId),
      shownAs(step.stepId, step.item),
    ]);
    return status as "ok";
  }

  /** Reads fields of a run record; null for those that do not exist. */
  read(runId: string, fields: readonly string[]): Promise<Values> {
    return this.#do("read", runId, fields);
  }

  #do(kind: Operation["kind"], runId: string, args: readonly (string | number)[]): Promise<Values> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ kind, key: this.#keys.run(runId), args, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      queueMicrotask(() => this.#flush());
    });
  }

  #flush(): void {
    this.#scheduled = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (let from = 0; from < waiting.length; from += MAX_BATCH)
      void this.#send(waiting.slice(from, from + MAX_BATCH));
  }

  async #send(batch: readonly Operation[]): Promise<void> {
    const args: (string | number)[] = [];
    for (const operation of batch) args.push(operation.key);
    for (const operation of batch) {
      args.push(operation.kind, operation.args.length);
      for (const argument of operation.args) args.push(argument);
    }
    try {
      const answers = await this.#call(batch.length, ...args);
      for (const [index, operation] of batch.entries()) operation.resolve(answers[index] ?? []);
    } catch (thrown) {
      for (const operation of batch) operation.reject(thrown);
    }
  }
}

function abortOf(text: string | null | undefined): { abort?: Abort } {
  return text ? { abort: JSON.parse(text) as Abort } : {};
}
