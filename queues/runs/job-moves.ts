import { createRedisBackend, type BackendFactory, type RedisQueueBackend } from "bullmq";
import { unpack } from "msgpackr";

import { keysOfBullScript } from "../connection/index.ts";
import type { Move } from "./record/ledger-operations.ts";
import {
  wellFormed,
  type Committed,
  type Ending,
  type Ledger,
  type StepAddress,
} from "./record/ledger.ts";

const isMove = (name: string): name is Move => name === "moveToActive" || name === "moveToFinished";

/** The ending of a step that is written by the script that ends its job. */
export interface JobEnd {
  readonly step: StepAddress;
  readonly ending: Ending;
  /** Does what follows from it, where something does; the job ends after that. */
  follow(committed: Committed): Promise<void>;
}

/** A job on its way out of a worker. */
interface Leaving {
  readonly id?: string | undefined;
  readonly token?: string | undefined;
}

const nameOf = ({ id, token }: Leaving): string => `${token} ${id}`;

/**
 * Jobs are taken and ended by the script that steps pass anyway. BullMQ sends one command for each job; the workers of a
 * process share theirs here, with each other and with what is written of the steps. BullMQ says what is asked and reads
 * the answer, by its own code.
 */
export class JobMoves {
  readonly #ledger: Ledger;
  readonly #ends = new Map<string, JobEnd>();

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  /** Backends of workers whose jobs move this way. */
  readonly backend: BackendFactory<RedisQueueBackend> = (...args) => {
    const backend = createRedisBackend(...args);
    const run = backend.execCommand.bind(backend);
    backend.execCommand = (client, name, given) =>
      isMove(name) ? this.#move(name, ...split(name, given)) : run(client, name, given);
    return backend;
  };

  /** When this job completes, its step ends with it. */
  endWith(job: Leaving, end: JobEnd): void {
    this.#ends.set(nameOf(job), end);
  }

  async #move(name: Move, keys: string[], args: unknown[]): Promise<unknown> {
    const leaving = name === "moveToFinished" ? leavingOf(args) : null;
    const end = leaving === null ? undefined : this.#ends.get(leaving.name);
    if (leaving === null || end === undefined) return this.#ledger.move(name, keys, args);
    let moved: unknown;
    if (leaving.completes) {
      const move = { script: name, keys, args };
      const answer = await this.#ledger.end(end.step, end.ending, move);
      if ("moved" in answer) moved = answer.moved;
      else {
        await end.follow(answer.committed);
        moved = await this.#ledger.move(name, keys, args);
      }
    } else moved = await this.#ledger.move(name, keys, args);
    // Until then BullMQ tries again.
    this.#ends.delete(leaving.name);
    return moved;
  }
}

/** Which job a call of moveToFinished is about, and whether it completes. */
function leavingOf(args: readonly unknown[]): { name: string; completes: boolean } {
  const [id, , , , target, , , options] = args as [string, ...unknown[]];
  const { token } = options as { token?: string };
  return { name: nameOf({ id, token }), completes: target === "completed" };
}

/** The keys and arguments of a script, as JSON can carry them. */
function split(name: Move, given: readonly unknown[]): [keys: string[], args: unknown[]] {
  const count = keysOfBullScript(name);
  return [given.slice(0, count).map(String), given.slice(count).map((arg) => plain(arg))];
}

/** An argument as a script gets it: a text, or what BullMQ has packed, unpacked. */
function plain(arg: unknown): unknown {
  if (Buffer.isBuffer(arg)) return withoutNulls(unpack(arg));
  // Half a surrogate pair, as in the message of an error, would be refused by the script's JSON parser, with all of its call.
  if (typeof arg === "string") return wellFormed(arg);
  return typeof arg === "number" ? String(arg) : (arg ?? "");
}

/** Lua has no null inside a table. */
function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, one]) => one !== null && one !== undefined),
  );
}
