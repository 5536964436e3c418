import { isDeepStrictEqual } from "node:util";

import type { RedisQueueBackend } from "bullmq";

import { readJson } from "../../config/index.ts";
import type { Grant, StepLimits } from "../../queues/worker.ts";
import { UNUSED, type Gatekeeper, type Place } from "./gatekeeper.ts";

/** What a fetch answers when there is nothing to take: no job, no id, no rate limit, no delayed job. */
const NOTHING: unknown[] = [0, 0, 0, 0];

type FetchAnswer = unknown[] | void;

/** A process that the gate does not know, although it has just registered, asks again after this time. Milliseconds. */
const UNKNOWN_MS = 100;
/** Jobs that are put in fair order at once, where none needs a permit. */
const ARRANGED = 16;
/** When none had to be, it is looked at again after this time. Milliseconds. */
const ARRANGE_MS = 100;
/** Puts the gate in front of the worker that uses this backend. */
export function gated(
  backend: RedisQueueBackend,
  tool: string,
  keeper: Gatekeeper,
  concurrency: number,
): RedisQueueBackend {
  new Seam(backend, tool, keeper, concurrency).decorate();
  return backend;
}

/** Those calls of a backend that go by the limits at the queue: they take no job, or give no sign of one, beyond them. */
type Moves = Pick<
  RedisQueueBackend,
  | "moveToActive"
  | "moveToCompleted"
  | "moveToFailed"
  | "moveToDelayed"
  | "moveJobFromActiveToWait"
  | "retryJob"
>;

/** The calls as they are before they are decorated. */
function movesOf(backend: RedisQueueBackend): Moves {
  return {
    moveToActive: backend.moveToActive.bind(backend),
    moveToCompleted: backend.moveToCompleted.bind(backend),
    moveToFailed: backend.moveToFailed.bind(backend),
    moveToDelayed: backend.moveToDelayed.bind(backend),
    moveJobFromActiveToWait: backend.moveJobFromActiveToWait.bind(backend),
    retryJob: backend.retryJob.bind(backend),
  };
}

/**
 * The same backend, which does not see the limits at its queue. They are for people to see and for other
 * workers; a job with a permit must not be held up by a copy of the gate's own limits. Whether the queue is
 * paused stands at the same place; the gate looks at that itself.
 */
function blindfolded(backend: RedisQueueBackend): RedisQueueBackend {
  const meta = backend.keys["meta"]!;
  const blind: RedisQueueBackend = Object.create(backend);
  blind.execCommand = (client, command, args) =>
    backend.execCommand(
      client,
      command,
      args.map((key) => (key === meta ? `${meta}:gated` : key)),
    );
  return blind;
}

/** A job as BullMQ's scripts return it. */
interface RawJob {
  readonly data?: string;
}

/**
 * The gate in front of one BullMQ worker: decorates its backend, so that BullMQ's own worker keeps its
 * locks, stalled checks and events, and takes a job only with a permit.
 *
 * A fetch is never parked: BullMQ's main loop fetches in sequence, so that a parked fetch would hold up
 * the jobs before it too. A refused fetch answers "nothing", and the worker then waits, as it does for
 * an empty queue; that wait ends when the gate has an offer.
 */
class Seam {
  readonly #tool: string;
  readonly #keeper: Gatekeeper;
  readonly #backend: RedisQueueBackend;
  /** For jobs with a permit. */
  readonly #gated: Moves;
  /** For jobs that need none: the limits at the queue hold for them. */
  readonly #plain: Moves;
  /** Set by a refusal: how long the next wait for room lasts at most. Milliseconds. */
  #refusedMs: number | undefined;
  #stopping = false;
  /** How the worker is named in the jobs it takes. */
  #name: string | undefined;
  /** Jobs underway without a permit: `<token> <job>`. */
  readonly #open = new Set<string>();

  /** Jobs that its worker takes at once. */
  readonly #concurrency: number;
  /** Jobs that were put in fair order and not taken yet, and when that is looked at again. */
  #arranged = 0;
  /** It has taken all that it can, and there has been more since. */
  #isFull = false;
  #arrangeAtMs = 0;

  constructor(backend: RedisQueueBackend, tool: string, keeper: Gatekeeper, concurrency: number) {
    this.#backend = backend;
    this.#concurrency = concurrency;
    this.#tool = tool;
    this.#keeper = keeper;
    const blind = blindfolded(backend);
    this.#gated = movesOf(blind);
    this.#plain = movesOf(backend);
    backend.moveStalledJobsToWait = backend.moveStalledJobsToWait.bind(blind);
  }

  decorate(): void {
    this.#decorateWaiting();
    this.#decorateExits();
  }

  #decorateWaiting(): void {
    const backend = this.#backend;
    const wait = backend.waitForJob.bind(backend);
    const stop = backend.disconnectBlocking.bind(backend);
    const restart = backend.reconnectBlocking.bind(backend);
    backend.moveToActive = (token, name) => this.#fetch(token, name);
    backend.waitForJob = async (timeoutS) => {
      const refusedMs = this.#refusedMs;
      if (refusedMs === undefined) return wait(timeoutS);
      this.#refusedMs = undefined;
      await this.#keeper.room(this.#tool, refusedMs);
      // What the worker takes for a job that is due in an infinite time keeps it from fetching.
      return this.#stopping ? { member: "0", score: Number.POSITIVE_INFINITY } : null;
    };
    backend.disconnectBlocking = async (...args) => {
      this.#stopping = true;
      this.#keeper.callOff(this.#tool);
      await stop(...args);
    };
    backend.reconnectBlocking = async () => {
      this.#stopping = false;
      await restart();
    };
  }

  async #fetch(token: string, name?: string): Promise<unknown[]> {
    this.#name = name;
    if (this.#stopping) return NOTHING;
    if (this.#keeper.isOpen(this.#tool)) return this.#takeOpen(token, name);
    const got = await this.#keeper.acquire(this.#tool);
    switch (got.status) {
      case "open":
        return this.#takeOpen(token, name);
      case "paused":
        return NOTHING;
      case "unknown":
        this.#refusedMs = UNKNOWN_MS;
        return NOTHING;
      case "empty":
        return [0, 0, 0, got.dueInMs > 0 ? Date.now() + got.dueInMs : 0];
      case "refused":
        this.#refusedMs = got.waitMs;
        return NOTHING;
      case "free": {
        const taken = await this.#gated.moveToActive(token, name);
        if (taken[1] === got.job) await this.#keeper.passed(got.job, token);
        if (!taken[0] || taken[1] === got.job) return this.#countOpen(taken, token);
        // Another worker was faster, and the job behind it is not free.
        return this.#return(String(taken[1]), token);
      }
      case "granted":
        return this.#fetchWith({ grant: got }, token, name);
    }
  }

  async #takeOpen(token: string, name?: string): Promise<unknown[]> {
    return this.#countOpen(await this.#plain.moveToActive(token, name), token);
  }

  #countOpen<T extends FetchAnswer>(taken: T, token: string): T {
    if (taken?.[0]) {
      this.#open.add(`${token} ${String(taken[1])}`);
      if (this.#arranged > 0) this.#arranged--;
      this.#isFull ||= this.#open.size >= this.#concurrency;
    } else if (taken !== undefined) this.#isFull = false;
    return taken;
  }

  /** Takes a job with a permit, which is given back when none is taken. */
  async #takeWith(
    { grant, handed }: Place,
    token: string,
    take: () => Promise<FetchAnswer>,
  ): Promise<FetchAnswer> {
    let taken: FetchAnswer;
    try {
      taken = await take();
    } catch (thrown) {
      await this.#keeper.release(grant.permit, UNUSED);
      throw thrown;
    }
    if (handed?.isRefused() === true) {
      const next = await handed.ask();
      return next === null ? taken : this.#fetchWith(next, token);
    }
    const next = taken ?? NOTHING;
    return (await this.#bind(grant, next, token)) ? taken : this.#return(String(next[1]), token);
  }

  async #fetchWith(place: Place, token: string, name = this.#name): Promise<unknown[]> {
    const fetch = () => this.#gated.moveToActive(token, name);
    return (await this.#takeWith(place, token, fetch)) ?? NOTHING;
  }

  /** Ties a permit to the job that was fetched with it. False when the job takes more, and there is no more. */
  async #bind(grant: Grant, taken: readonly unknown[], token: string): Promise<boolean> {
    if (!taken[0]) {
      await this.#keeper.release(grant.permit, UNUSED);
      return true;
    }
    const says = takeOf(taken[0]);
    const held = isDeepStrictEqual(says, grant.take)
      ? grant
      : await this.#keeper.amend(grant.permit, says);
    if (held === null) return false;
    this.#keeper.hold(String(taken[1]), token, held);
    return true;
  }

  /**
   * Puts a fetched job back to where it stood; no attempt is used. It leaves a sign there, so that the next
   * fetch comes at once and asks for what this job takes.
   */
  async #return(jobId: string, token: string): Promise<unknown[]> {
    await this.#gated.moveJobFromActiveToWait(jobId, token);
    return NOTHING;
  }

  /**
   * Where jobs need no permit and the worker has no room for more, its own fetches decide the order: they get it from the
   * gate, many at a time.
   */
  async #arrange(): Promise<void> {
    if (this.#arranged > 0 || performance.now() < this.#arrangeAtMs) return;
    this.#arrangeAtMs = Number.POSITIVE_INFINITY;
    this.#arranged = await this.#keeper.arrange(this.#tool, ARRANGED);
    this.#arrangeAtMs = performance.now() + (this.#arranged > 0 ? 0 : ARRANGE_MS);
  }

  /** Every way out of a job gives its permit back. Where BullMQ can fetch the next job with it, it does. */
  #decorateExits(): void {
    const backend = this.#backend;
    backend.moveToCompleted = async (job, value, remove, token, fetchNext) => {
      let finishedOn = 0;
      const result = await this.#leave(
        String(job.id),
        token,
        fetchNext,
        async (moves, keep) => {
          const moved = await moves.moveToCompleted(job, value, remove, token, keep);
          finishedOn = moved.finishedOn;
          return moved.result;
        },
        true,
      );
      return { result, finishedOn };
    };
    backend.moveToFailed = async (job, reason, remove, token, fetchNext, fields) => {
      let finishedOn = 0;
      const result = await this.#leave(
        String(job.id),
        token,
        fetchNext,
        async (moves, keep) => {
          const moved = await moves.moveToFailed(job, reason, remove, token, keep, fields);
          finishedOn = moved.finishedOn;
          return moved.result;
        },
        true,
      );
      return { result, finishedOn };
    };
    backend.moveToDelayed = async (jobId, timestamp, ms, token = "0", options = {}) =>
      this.#leave(jobId, token, options.fetchNext === true, (moves, keep) =>
        moves.moveToDelayed(jobId, timestamp, ms, token, { ...options, fetchNext: keep }),
      );
    backend.retryJob = async (jobId, lifo, token = "0", options) => {
      await this.#leave(jobId, token, false, (moves) =>
        moves.retryJob(jobId, lifo, token, options),
      );
    };
    const park = backend.moveToWaitingChildren.bind(backend);
    backend.moveToWaitingChildren = async (jobId, token, options) => {
      const parked = await park(jobId, token, options);
      if (parked) await this.#leave(jobId, token, false, async () => {});
      return parked;
    };
    backend.moveJobFromActiveToWait = async (jobId, token = "0") => {
      let answer: unknown;
      await this.#leave(jobId, token, false, async (moves) => {
        answer = await moves.moveJobFromActiveToWait(jobId, token);
      });
      return answer;
    };
  }

  async #leave(
    jobId: string,
    token: string,
    fetchNext: boolean,
    move: (moves: Moves, keep: boolean) => Promise<FetchAnswer>,
    ends = false,
  ): Promise<FetchAnswer> {
    const wants = fetchNext && !this.#stopping;
    const underway = this.#open.size;
    const open = this.#open.delete(`${token} ${jobId}`) ? underway : null;
    const left = this.#keeper.leave(this.#tool, { jobId, token, wants, ends, open });
    if (open === null && typeof left === "function") return this.#leaveFirst(left, token, move);
    if (left !== null && typeof left !== "function")
      return this.#takeWith(left, token, () => move(this.#gated, true));
    await left?.();
    const keep = wants && this.#keeper.isOpen(this.#tool);
    if (keep && this.#isFull) await this.#arrange();
    return this.#countOpen(await move(keep ? this.#plain : this.#gated, keep), token);
  }

  /**
   * The job ends before the gate is asked for its place: who waits for its end need not wait for the gate, and the gate
   * sees who comes next because of it.
   */
  async #leaveFirst(
    ask: () => Promise<Place | null>,
    token: string,
    move: (moves: Moves, keep: boolean) => Promise<FetchAnswer>,
  ): Promise<FetchAnswer> {
    let moved: FetchAnswer;
    try {
      moved = await move(this.#gated, false);
    } catch (thrown) {
      const unused = await ask();
      if (unused !== null) await this.#keeper.release(unused.grant.permit, UNUSED);
      throw thrown;
    }
    const place = await ask();
    return place === null ? moved : this.#fetchWith(place, token);
  }
}

/** What a job says it takes; null when it says nothing. */
function takeOf(raw: RawJob): StepLimits | null {
  if (raw.data === undefined || !raw.data.includes('"take":')) return null;
  return readJson<{ take?: StepLimits }>(raw.data).take ?? null;
}
