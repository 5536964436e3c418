import { randomBytes } from "node:crypto";

import type { Redis } from "ioredis";

import { readJson, given } from "../../../config/index.ts";
import { Gather } from "../../connection/gather.ts";
import {
  ADDING_FUNCTION,
  bullFunctions,
  defineScripts,
  script,
  wellFormed,
} from "../../connection/index.ts";
import type { StepError } from "../../jobs.ts";
import type { Keys } from "../../names.ts";
import { LEDGER } from "../scripts/generated.ts";
import {
  begunOf,
  committedOf,
  movedOf,
  orNull,
  type Answer,
  type Begun,
  type Committed,
  type Moved,
  type Parked,
  type Values,
} from "./ledger-answers.ts";
import type {
  AbortEntry,
  Commit,
  EndedCall,
  HandedPermit,
  LedgerOperation,
  LinksOut,
  Move,
  Moving,
} from "./ledger-operations.ts";
import type { Links } from "./links.ts";
import { partName } from "./part-names.ts";
import { FIELDS, letterOf, type Abort, type Outcome, type Source } from "./run-record.ts";
import { withLinks } from "./with-links.ts";

/** A step, or one item of it, as the ledger addresses it. */
export interface StepAddress {
  readonly runId: string;
  readonly epoch: number;
  readonly stepId: string;
  readonly item?: number;
  /** It is the compensation. */
  readonly undo?: boolean;
  /** The group whose abort ends the step too. */
  readonly group?: string;
  /** The start of its BullMQ job that makes the request. Later starts fence earlier ones. */
  readonly start: number;
  /** Jobs that wait for its end, other than its parent in the tree. */
  readonly links?: Links | null;
  /** The run ends with this step. The next run of its tenant begins if at most `maxRunning` are at work. */
  readonly ends?: { readonly maxRunning: number };
}

/** An ended call of a tool, for those who learn from it. */
export interface Call {
  readonly tool: string;
  readonly ms: number;
  readonly failed: boolean;
}

/** How a step ended, ready to be written. */
export interface Ending {
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly error?: StepError;
  readonly reason?: string;
  readonly source?: Source;
  /** The output as JSON, or a reference to it. */
  readonly output?: string;
  /** Stop the rest of the run or of a group together with this ending. */
  readonly aborts?: readonly Abort[];
  /** Stop it with the third ending of this kind. */
  readonly systemic?: readonly Abort[];
  readonly call?: Call;
  /** It can be undone, so its position among the completions is stored. */
  readonly undoable?: boolean;
  /** It is a failure of its own that somebody may look at and retry. */
  readonly dead?: boolean;
}

/** A job that is taken or ended: BullMQ's script with its keys and arguments, packed ones unpacked. */
export interface MoveOf {
  readonly script: Move;
  readonly keys: readonly string[];
  readonly args: readonly unknown[];
  /** Who will call the tool of the job that is taken, as in {@link Ledger.begin}. */
  readonly holder?: string;
  /** Take another job only if this permit may be handed on to it. */
  readonly handed?: HandedPermit;
}

interface Operation {
  readonly key: string;
  readonly operation: LedgerOperation;
}

/**
 * Operations in one call of the script. Few enough that a busy process has several calls underway. Everything that one
 * call answers goes on at the same time, so with a single call Redis and the process would wait for each other in
 * turns.
 */
const MAX_BATCH = 16;

const MOVES: readonly Move[] = ["moveToActive", "moveToFinished"];

const SCRIPTS = {
  /** Keys: the records of the operations. Then the operations as one JSON, the sender, and the number of the call. */
  ledger: script<[keyCount: number, ...recordsAndRest: string[]], string>(
    "tuttiLedger",
    `${bullFunctions("moves", MOVES)}\n${ADDING_FUNCTION}\n${withLinks(LEDGER)}`,
    { keys: "counted" },
  ),
};

/**
 * Writes what happens to steps. One script writes every ending once, before the step's BullMQ job finishes. Whoever
 * comes later gets the ending that stands.
 *
 * The steps of a process share its calls: see {@link Gather}.
 */
export class Ledger {
  readonly #operations: Gather<Operation, Answer>;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    const { ledger } = defineScripts(redis, keys.prefix, SCRIPTS);
    const sender = `${keys.prefix}.sent:${randomBytes(9).toString("base64url")}`;
    let sent = 0;
    this.#operations = new Gather(MAX_BATCH, async (batch) => {
      const operations = JSON.stringify(batch.map(({ operation }) => operation));
      const keysOf = batch.map(({ key }) => key);
      const answers = await ledger(batch.length, ...keysOf, operations, sender, String(++sent));
      return readJson<Answer[]>(answers);
    });
    this.#keys = keys;
  }

  /** Marks the start of a step, and reads `fields` of the run's record in the same call. */
  async begin(
    step: StepAddress,
    options: {
      readonly once: boolean;
      /** It calls a tool, so it takes one of the run's places, if the run has them. */
      readonly calls: boolean;
      /**
       * Who will call the tool: `<worker>#<number of the call in it>`. Take-overs of steps without a holder are not
       * noted. Of two holders with the same start, only the first may make a call that must happen once.
       */
      readonly holder?: string;
      readonly fields: readonly string[];
    },
  ): Promise<Begun> {
    const answer = await this.#do(step.runId, {
      op: "begin",
      ...speakerOf(step),
      ...(options.once ? { once: true } : {}),
      ...given({ group: step.group }),
      ...(options.calls ? { calls: true } : {}),
      ...(options.holder ? { holder: options.holder } : {}),
      fields: options.fields,
    });
    return begunOf(answer);
  }

  /**
   * Stores what an idempotent step reads when it begins. From then on, the script that takes its job also begins the
   * step (see {@link move}).
   */
  async learn(
    hash: string,
    stepId: string,
    { group, fields }: { group?: string; fields: readonly string[] },
  ): Promise<void> {
    const begin = { calls: true, ...given({ group }), fields };
    await this.#operations.add({
      key: this.#keys.definition(hash),
      operation: { op: "learn", slot: partName(stepId), begin: JSON.stringify(begin) },
    });
  }

  /** Writes how a step ended, unless an ending is already there. */
  async commit(step: StepAddress, ending: Ending): Promise<Committed> {
    return committedOf(await this.#do(step.runId, this.#commitOf(step, ending)));
  }

  /**
   * Writes an ending and ends the step's job as {@link move} does. The job is not moved (`moved` is missing) if another
   * ending was already there, or if the ending leaves work to be done first.
   */
  async end(
    step: StepAddress,
    ending: Ending,
    move: MoveOf,
  ): Promise<{ readonly committed: Committed; readonly moved?: Moved }> {
    const commit = this.#commitOf(step, ending);
    const [text, moved] = (await this.#do(step.runId, {
      op: "end",
      commit,
      move: this.#moveOf(move),
    })) as unknown as [Answer, Answer?];
    const committed = committedOf(text);
    return moved === undefined ? { committed } : { committed, moved: movedOf(moved) };
  }

  /** Notes that an attempt failed and another will follow. `abort`: it must not. */
  async retry(
    step: StepAddress,
    attempts: number,
    error: StepError,
    call?: Call,
  ): Promise<{
    readonly status: "ok" | "abort" | "done" | "gone" | "fenced";
    readonly granted: readonly string[];
  }> {
    const [status, ...granted] = await this.#do(step.runId, {
      op: "retry",
      ...speakerOf(step),
      ...given({ group: step.group }),
      attempts,
      detail: JSON.stringify(error),
      ...(call === undefined ? {} : { call: callOf(call) }),
      ...(step.undo === true ? { undoes: true } : {}),
    });
    return { status: status as "ok", granted: granted.filter((slot) => slot !== false) };
  }

  /** Notes that a step waits for somebody outside, unless the decision is already there. */
  async park(step: StepAddress, waitsFor: string): Promise<Parked> {
    const [status, detail] = await this.#do(step.runId, {
      op: "park",
      slot: partName(step.stepId),
      start: step.start,
      epoch: step.epoch,
      detail: wellFormed(waitsFor),
    });
    if (status === "ok") return { status, version: detail || "" };
    if (status === "decided") return { status, decision: detail || "" };
    return { status: status === "fenced" ? "fenced" : "gone" };
  }

  /**
   * Takes a begin back, because the step must wait after all. Nothing was called. Returns who may call now.
   *
   * @param holder only if this one holds the step.
   */
  async undo(step: StepAddress, holder?: string): Promise<readonly string[]> {
    const { start } = step;
    const [, ...granted] = await this.#do(step.runId, {
      op: "undo",
      slot: partName(step.stepId, step.item, step.undo),
      start,
      ...given({ holder }),
    });
    return granted.filter((slot) => slot !== false);
  }

  /** Reads fields of a run record; null for those that do not exist. */
  async read(runId: string, fields: readonly string[]): Promise<Values> {
    if (fields.length === 0) return [];
    return (await this.#do(runId, { op: "read", fields })).map(orNull);
  }

  /** Takes or ends a job as BullMQ's worker does. With a holder, the step of the taken job begins too, if possible. */
  async move(move: MoveOf): Promise<Moved> {
    return movedOf(
      await this.#operations.add({ key: move.keys[0]!, operation: this.#moveOf(move) }),
    );
  }

  #moveOf({ script: name, keys, args, holder, handed }: MoveOf): Moving {
    const looks = holder === undefined && handed === undefined ? {} : { prefix: this.#keys.prefix };
    return { op: "move", script: name, keys, args, ...given({ holder, handed }), ...looks };
  }

  #commitOf(step: StepAddress, ending: Ending): Commit {
    const cause = ending.error ?? ending.source;
    const detail = cause === undefined ? wellFormed(ending.reason ?? "") : JSON.stringify(cause);
    return {
      op: "commit",
      ...speakerOf(step),
      letter: letterOf(ending.outcome),
      attempts: ending.attempts,
      ...(detail === "" ? {} : { detail }),
      ...given({ output: ending.output }),
      ...consequencesOf(ending),
      ...given({ links: this.#linksOut(step, ending), ends: step.ends?.maxRunning }),
    };
  }

  #linksOut({ links }: StepAddress, ending: Ending): LinksOut | undefined {
    if (!links) return undefined;
    const qualified = (queue: string): string => `${this.#keys.prefix}:${queue}`;
    const { from, to } = links;
    return {
      job: `${qualified(from.queue)}:${from.jobId}`,
      told: jobResultOf(ending),
      to: to.map(({ queue, jobId, any }) => ({
        queue: qualified(queue),
        job: jobId,
        ...(any ? { any } : {}),
      })),
    };
  }

  #do(runId: string, operation: LedgerOperation): Promise<Answer> {
    return this.#operations.add({ key: this.#keys.run(runId), operation });
  }
}

/** An ending as BullMQ stores it: the job's return value or its failure message. */
const jobResultOf = ({ outcome, error }: Ending): string =>
  wellFormed(
    outcome === "failed" && error !== undefined
      ? `${error.code}: ${error.message}`
      : JSON.stringify({ state: outcome }),
  );

const speakerOf = ({ stepId, item, undo, start, epoch }: StepAddress) => ({
  slot: partName(stepId, item, undo),
  start,
  epoch,
});

const abortEntry = (abort: Abort): AbortEntry => ({
  field: abort.group === undefined ? FIELDS.abort : FIELDS.groupAbort(abort.group),
  abort: JSON.stringify(abort),
});

const callOf = ({ tool, ms, failed }: Call): EndedCall => ({
  tool,
  ms: Math.round(ms),
  ...(failed ? { failed: true } : {}),
});

/** Fields that few endings have. */
const consequencesOf = ({ aborts = [], systemic = [], call, undoable, dead }: Ending) => ({
  ...(aborts.length === 0 ? {} : { aborts: aborts.map(abortEntry) }),
  ...(systemic.length === 0 ? {} : { systemic: systemic.map(abortEntry) }),
  ...(call === undefined ? {} : { call: callOf(call) }),
  ...(undoable === true ? ({ undoable: true } as const) : {}),
  ...(dead === true ? ({ dead: true } as const) : {}),
});
