import { createRedisBackend, type BackendFactory, type RedisQueueBackend } from "bullmq";

import { given } from "../../config/index.ts";
import { keysOfBullScript, unpacked } from "../connection/index.ts";
import type { StepJob } from "../jobs.ts";
import type { Begun, Committed, Moved } from "./record/ledger-answers.ts";
import type { HandedPermit, Move } from "./record/ledger-operations.ts";
import { type Ending, type Ledger, type MoveOf, type StepAddress } from "./record/ledger.ts";

/** BullMQ's script that puts a job back into its queue. */
const PUT_BACK = "moveJobFromActiveToWait";

const isMove = (name: string): name is Move => name === "moveToActive" || name === "moveToFinished";

/** The ending of a step, written by the script that ends its job. */
export interface JobEnd {
  readonly step: StepAddress;
  readonly ending: Ending;
  /** Does the work that the ending leaves, if any. The job ends after that. */
  readonly follow: (committed: Committed) => Promise<void>;
}

/** A fetch with a permit that passes from an ended job to the next. */
export interface HandedFetch {
  readonly permit: HandedPermit;
  /** No job was taken, because the gate must be asked for the permit first. Set when the job has ended. */
  isRefused: boolean;
}

/** Who calls the tool of a job: its number among the calls of its process, and its name among all callers. */
interface Caller {
  readonly number: number;
  readonly holder: string;
}

/** A job whose step began when the job was taken. */
interface BegunJob {
  readonly begun: Begun;
  /** The number of the call. */
  readonly number: number;
  /** Fields and values of the job. */
  readonly job: readonly string[];
}

/** A job on its way out of a worker. */
interface Leaving {
  readonly id?: string | undefined;
  readonly token?: string | undefined;
}

const nameOf = ({ id, token }: Leaving): string => `${token} ${id}`;

/**
 * Takes and ends jobs with the script that steps pass anyway. BullMQ sends one command per job. Here the workers of a
 * process share commands, with each other and with the changes of steps. BullMQ's own code still builds the requests
 * and reads the answers.
 */
export class JobMoves {
  readonly #ledger: Ledger;
  readonly #next: (() => Caller) | undefined;
  readonly #ends = new Map<string, JobEnd>();
  readonly #begun = new Map<string, BegunJob>();
  readonly #handed = new Map<string, HandedFetch>();

  /** @param next the caller of the next job's tool. Default: no step begins when its job is taken. */
  constructor(ledger: Ledger, next?: () => Caller) {
    this.#ledger = ledger;
    this.#next = next;
  }

  /** The backend of workers whose jobs move this way. */
  readonly backend: BackendFactory<RedisQueueBackend> = (...args) => {
    const backend = createRedisBackend(...args);
    const run = backend.execCommand.bind(backend);
    backend.execCommand = async (client, name, asked) => {
      if (isMove(name)) return this.#move(name, ...split(name, asked));
      if (name === PUT_BACK) {
        const [id, token] = asked.slice(keysOfBullScript(name)) as string[];
        await this.#takeBack({ id, token });
      }
      return run(client, name, asked);
    };
    return backend;
  };

  /** Ends the step together with this job when the job completes. */
  endWith(job: Leaving, end: JobEnd): void {
    this.#ends.set(nameOf(job), end);
  }

  /** The worker that ends this job, or ended it last, takes the next only if the permit may be handed on to it. */
  handOn(job: Leaving, permit: HandedPermit): HandedFetch {
    const fetch = { permit, isRefused: false };
    this.#handed.set(nameOf(job), fetch);
    return fetch;
  }

  /** How the step of a job began when the job was taken, and the number of its call. Returns it only once. */
  begunWith(job: Leaving): Pick<BegunJob, "begun" | "number"> | undefined {
    const name = nameOf(job);
    const found = this.#begun.get(name);
    this.#begun.delete(name);
    return found;
  }

  /** Stores what a step reads when it begins. From then on it begins when its job is taken. */
  learn(...about: Parameters<Ledger["learn"]>): Promise<void> | undefined {
    return this.#next === undefined ? undefined : this.#ledger.learn(...about);
  }

  async #move(name: Move, keys: string[], args: unknown[]): Promise<unknown> {
    const caller = this.#next?.();
    const leaving = {
      id: name === "moveToFinished" ? (args[0] as string) : undefined,
      token: tokenOf(name, args),
    };
    const fetch = this.#handed.get(nameOf(leaving));
    const more = given({ holder: caller?.holder, handed: fetch?.permit });
    const { answer, begun, asks } = await this.#moved({ script: name, keys, args, ...more });
    // Kept until here because BullMQ tries again.
    this.#handed.delete(nameOf(leaving));
    if (fetch !== undefined) fetch.isRefused = asks === true;
    if (begun !== undefined && caller !== undefined) {
      const [job, id] = answer as [readonly string[], string];
      this.#begun.set(nameOf({ id, token: leaving.token }), {
        begun,
        number: caller.number,
        job,
      });
    }
    return answer;
  }

  async #moved(move: MoveOf): Promise<Moved> {
    const [id, , , , target] = move.args as string[];
    const name = nameOf({ id, token: tokenOf(move.script, move.args) });
    const end = move.script === "moveToFinished" ? this.#ends.get(name) : undefined;
    if (end === undefined) return this.#ledger.move(move);
    const moved =
      target === "completed" ? await this.#end(end, move) : await this.#ledger.move(move);
    // Kept until here because BullMQ tries again.
    this.#ends.delete(name);
    return moved;
  }

  async #end({ step, ending, follow }: JobEnd, move: MoveOf): Promise<Moved> {
    const { committed, moved } = await this.#ledger.end(step, ending, move);
    if (moved !== undefined) return moved;
    await follow(committed);
    return this.#ledger.move(move);
  }

  /** A job goes back to its queue before its worker got it, so its step has not begun. */
  async #takeBack(leaving: Leaving): Promise<void> {
    const job = this.#begun.get(nameOf(leaving))?.job;
    if (job === undefined) return;
    this.#begun.delete(nameOf(leaving));
    const { runId, epoch, stepId } = JSON.parse(job[job.indexOf("data") + 1]!) as StepJob;
    // Only a first start begins this way.
    await this.#ledger.undo({ runId, epoch, stepId, start: 1 });
  }
}

/** The worker's token in the arguments that BullMQ packs for a move. */
const tokenOf = (name: Move, args: readonly unknown[]): string | undefined =>
  (args[name === "moveToActive" ? 2 : 7] as { readonly token?: string }).token;

/** The keys and arguments of a script, as JSON can carry them. */
function split(name: Move, asked: readonly unknown[]): [keys: string[], args: unknown[]] {
  const count = keysOfBullScript(name);
  return [asked.slice(0, count).map(String), asked.slice(count).map((arg) => unpacked(arg))];
}
