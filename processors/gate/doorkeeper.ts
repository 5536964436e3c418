import type { BackendFactory, RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";

import { messageOf } from "../../config/index.ts";
import {
  type Declaration,
  type Gate,
  type JobMoves,
  type Keys,
  RedisClock,
  toolOfQueue,
} from "../../queues/index.ts";
import {
  type Acquired,
  type CallEnd,
  DECLARED_MESSAGE,
  type Grant,
  type StepLimits,
} from "../../queues/worker.ts";
import type { CancelSource } from "../cancellation.ts";
import { patiently } from "../patiently.ts";
import { UNUSED, type Gatekeeper, type LeavingCall, type Left, type Place } from "./gatekeeper.ts";
import { HandingOn, type Stay } from "./handing-on.ts";
import { Holdings } from "./holdings.ts";
import { Lease, type HeldPermit, type LeaseOptions } from "./lease.ts";
import { Openness } from "./openness.ts";
import { Reporter, type ReporterOptions } from "./reporter.ts";
import { gated } from "./seam.ts";
import { UsageLog } from "./usage-log.ts";
import { WaitingRoom } from "./waiting-room.ts";

/** Who was refused asks again after this time at the latest, should a message have been lost. Milliseconds. */
const POLL_MS = 1_000;

/** What a process brings to the gate. */
export interface DoorkeeperOptions extends ReporterOptions, LeaseOptions {
  readonly keys: Keys;
  /** A connection that listens. */
  readonly subscriber: Redis;
  /** By which its jobs move; without it no permit is handed on. */
  readonly moves?: JobMoves | undefined;
  /** How this process's clock differs from Redis'. Default: it does not. */
  readonly clock?: RedisClock;
}

/** A job on its way through a worker. */
export interface LeavingJob {
  readonly id?: string | undefined;
  readonly token?: string | undefined;
}

/** What is kept of a running job. */
interface Held extends HeldPermit {
  end?: CallEnd;
  /** It was let through because it need not call its tool. */
  readonly free?: boolean;
}

/** A call that is over, whose permit stays for the next one or goes back to the gate. */
interface Over {
  readonly tool: string;
  readonly grant: Grant;
  readonly end: CallEnd;
  /** When it began, of a monotonic clock. Milliseconds. */
  readonly atMs: number;
  readonly token: string;
  /** The place is wanted for the next call. */
  readonly wants: boolean;
}

/**
 * The gate's side of one worker process: asks for permits, waits for offers, gives permits back, keeps
 * their lease.
 */
export class Doorkeeper implements Gatekeeper {
  readonly gate: Gate;
  readonly #options: DoorkeeperOptions;
  readonly #openness: Openness;
  readonly #room = new WaitingRoom();
  readonly #held = new Map<string, Held>();
  readonly #holdings = new Holdings();
  readonly #handing: HandingOn;
  readonly #reporter: Reporter;
  readonly #usage: UsageLog | undefined;
  #lease: Lease | undefined;
  #closed = false;

  constructor(options: DoorkeeperOptions) {
    this.#options = options;
    this.gate = options.gate;
    this.#openness = new Openness(options.gate);
    this.#handing = new HandingOn(options.gate, options.machine, (telling) => {
      void this.#patiently(telling, "calls were not told to the gate");
    });
    const usage = options.usage === undefined ? undefined : new UsageLog(options.usage);
    this.#usage = usage;
    this.#reporter = new Reporter(usage === undefined ? options : { ...options, usage });
  }

  /** Makes the limits known and begins to listen. `declared`: may change while the process lives. */
  async start(declared: Declaration | (() => Declaration)): Promise<void> {
    const { subscriber, keys, process } = this.#options;
    const permits = { held: this.#held, holdings: this.#holdings, handing: this.#handing };
    this.#lease = new Lease(this.#options, permits, declared);
    await this.#lease.begin();
    const wake = keys.wake(process);
    subscriber.on("message", (channel: string, message: string) => {
      if (channel === wake) this.#room.call(message);
      else if (channel === keys.troubles) this.#hear(message);
    });
    await subscriber.subscribe(wake, keys.troubles);
    // What was said while the connection was away is asked for, when what is said from now on is heard.
    subscriber.on("ready", () => {
      const listens = subscriber.subscribe(wake, keys.troubles).then(() => this.#refresh());
      void this.#patiently(listens, "the gate is not heard");
    });
    await this.#openness.read();
    this.#reporter.start();
    this.#usage?.start(() => this.#held.size > 0);
  }

  /** Gives everything back. Jobs that still run lose their permits. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#reporter.stop();
    this.#usage?.stop();
    this.#room.close();
    this.#handing.close();
    await this.#lease?.end();
  }

  /** The backend of the worker that serves a tool's queue, or a lane of it. */
  backendOf(tool: string): BackendFactory<RedisQueueBackend> {
    return (name, options, more) => {
      const { clock = new RedisClock() } = this.#options;
      const backend = clock.backend(name, options, more);
      const jobs = "concurrency" in options ? Number(options.concurrency) : 1;
      return gated(backend, tool, this, jobs);
    };
  }

  /** Says how the call of a job ended, before the job leaves. Without it the call counts as `ok`. */
  ended({ id, token }: LeavingJob, end: CallEnd): void {
    const key = `${token} ${id}`;
    const held = this.#held.get(key);
    if (held !== undefined) held.end = end;
    else this.#held.set(key, { grant: null, atMs: 0, end });
  }

  /**
   * Resolves when the call of a job may go out. That is at once, unless so much time has passed since its
   * grant that it would reach its service in another window than the one it was counted in.
   */
  async ready({ id, token }: LeavingJob, signal: CancelSource): Promise<void> {
    const held = this.#held.get(`${token} ${id}`);
    if (held?.grant == null || held.grant.guardMs === 0) return;
    if (performance.now() - held.atMs < held.grant.guardMs / 2) return;
    let waitMs = await this.gate.stamp(held.grant.permit);
    while (waitMs > 0 && !signal.aborted) {
      await interruptible(waitMs, signal);
      // Who waits here is the next for its window, and few have to.
      waitMs = await this.gate.stamp(held.grant.permit);
    }
  }

  /** Whether the jobs of a tool need no permit at this moment. */
  isOpen(tool: string): boolean {
    return this.#openness.isOpen(tool);
  }

  async acquire(tool: string): Promise<Acquired> {
    this.#room.enter(tool);
    let askedMs = performance.now();
    let answer = await this.gate.acquire(tool, this.#options);
    if (answer.status === "unknown" && !this.#closed) {
      await this.#lease?.renew();
      askedMs = performance.now();
      answer = await this.gate.acquire(tool, this.#options);
    }
    if (answer.status === "granted") this.#holdings.add(answer.permit, tool, askedMs);
    return answer;
  }

  async arrange(tool: string, count: number): Promise<number> {
    try {
      return await this.gate.arrange(tool, count);
    } catch (thrown) {
      // A job has to leave all the same.
      this.#options.log.warn({ tool, error: messageOf(thrown) }, "a queue was not put in order");
      return 0;
    }
  }

  async release(permit: string, end: CallEnd): Promise<void> {
    const holding = this.#holdings.get(permit);
    this.#handing.over(permit);
    if (holding !== undefined) this.#handing.rests(holding.tool);
    this.#holdings.drop(permit);
    await this.gate.release(permit, holding?.handed === true ? { ...end, ms: 0 } : end);
  }

  async amend(permit: string, take: StepLimits | null): Promise<Grant | null> {
    const holding = this.#holdings.get(permit);
    const askedMs = performance.now();
    this.#handing.over(permit);
    this.#holdings.drop(permit);
    const grant = await this.gate.amend(permit, take);
    if (grant !== null && holding !== undefined)
      this.#holdings.add(grant.permit, holding.tool, askedMs);
    return grant;
  }

  passed(jobId: string, token: string): Promise<void> {
    this.#held.set(`${token} ${jobId}`, { grant: null, atMs: 0, free: true });
    return this.#patiently(this.gate.passed([jobId]), "a job that passed keeps its mark");
  }

  /** Whether a job came without asking for what its call takes, so that it must not call. */
  cameFree({ id, token }: LeavingJob): boolean {
    return this.#held.get(`${token} ${id}`)?.free === true;
  }

  hold(jobId: string, token: string, grant: Grant): void {
    const { askedMs = performance.now(), handed } = this.#holdings.get(grant.permit) ?? {};
    this.#held.set(`${token} ${jobId}`, { grant, atMs: askedMs });
    if (handed === true) this.#handing.holds(grant.permit, jobId, askedMs);
  }

  /** Waits until a tool may have room here, no longer than `waitMs` when that says something, or a second. */
  room(tool: string, waitMs: number): Promise<void> {
    return this.#room.wait(tool, waitMs > 0 ? Math.min(waitMs + 1, POLL_MS) : POLL_MS);
  }

  /** Ends the waiting of a tool's workers, because they stop. */
  callOff(tool: string): void {
    this.#room.call(tool);
  }

  leave(tool: string, leaving: LeavingCall): Left {
    const key = `${leaving.token} ${leaving.jobId}`;
    const held = this.#held.get(key);
    this.#held.delete(key);
    const end = this.#classified(held);
    const grant = held?.grant ?? null;
    if (held === undefined || grant === null)
      return leaving.open === null ? null : this.#endOpen(tool, end, leaving.open);
    const { moves } = this.#options;
    const { wants, ends, token } = leaving;
    const over: Over = { tool, grant, end, atMs: held.atMs, token, wants };
    if (moves === undefined || !wants || !ends) return () => this.#giveBack(over, "no");
    const stays = this.#handing.may(tool, grant, end);
    if (stays === "yes") return this.#handOn(over, moves, leaving.jobId);
    return async () => {
      const stay = await stays;
      return stay === "yes" ? this.#handOn(over, moves) : this.#giveBack(over, stay);
    };
  }

  /** The permit of a call stays for the next of its queue, which is taken when this job ends, or was the last one that did. */
  #handOn(over: Over, moves: JobMoves, jobId?: string): Place {
    const { tool, grant, end, atMs, token } = over;
    const { machine } = this.#options;
    const nowMs = performance.now();
    if (end.class === "ok")
      this.#handing.ended(tool, grant.permit, { ms: nowMs - atMs, own: end.own === true });
    this.#holdings.handOn(grant.permit, nowMs);
    const handed = moves.handOn({ id: jobId, token }, { queue: tool, machine });
    return {
      grant,
      handed: {
        isRefused: () => handed.isRefused,
        ask: () => {
          const stay = this.#handing.refused(tool);
          return this.#giveBack({ ...over, end: UNUSED, atMs: performance.now() }, stay);
        },
      },
    };
  }

  /** The permit of a call goes back, and may come again for the next of its queue. `asks`: the gate is asked for all calls of it. */
  async #giveBack({ tool, grant, end, atMs, wants }: Over, stay: Stay): Promise<Place | null> {
    const { permit } = grant;
    const { machine, process } = this.#options;
    const nowMs = performance.now();
    const isForAll = stay === "asks";
    const arrange = isForAll ? this.#handing.wanted(tool) : 0;
    const wanted = wants
      ? { tool, machine, process, ...(arrange > 0 ? { arrange } : {}) }
      : undefined;
    this.#handing.over(permit);
    const wasHanded = this.#holdings.get(permit)?.handed === true;
    this.#holdings.drop(permit);
    const reported = wasHanded ? { ...end, ms: Math.round(nowMs - atMs) } : end;
    try {
      const next = await this.gate.release(permit, reported, wanted);
      this.#handing.heard(tool, next, isForAll);
      if (next === null) return null;
      this.#holdings.add(next.permit, tool, nowMs);
      return { grant: next };
    } catch (thrown) {
      this.#handing.heard(tool, null, isForAll);
      // The job has to leave all the same; what is still in our name is found when the lease is renewed.
      this.#options.log.warn({ error: messageOf(thrown) }, "a permit was not given back");
      return null;
    }
  }

  /** How a call ended; one that went well may have been slow because this machine is full. */
  #classified(held: Held | undefined): CallEnd {
    const end = held?.end ?? { class: "ok" };
    if (end.class !== "ok" || held === undefined || held.grant === null) return end;
    return this.#usage?.wasFull(held.atMs, performance.now()) === true
      ? { ...end, own: true }
      : end;
  }

  /** This process serves a lane no more. */
  async part(lane: string): Promise<void> {
    this.#room.forget(lane);
    this.#handing.forget(lane);
    await this.gate.leaveLane(lane, this.#options);
  }

  /** Trouble is reported at once, success now and then: it costs a call, and says little. */
  #endOpen(queue: string, end: CallEnd, underway: number): Left {
    const tool = toolOfQueue(queue);
    if (end.class === "none") return null;
    if (end.class === "ok" && !this.#openness.isWatched(tool)) {
      this.#reporter.wentWell(tool);
      return null;
    }
    this.#openness.watch(tool, end.class !== "ok");
    if (end.class === "limited") this.#openness.close(tool);
    return async () => {
      await this.gate.report(tool, this.#options.machine, { ...end, underway });
      return null;
    };
  }

  #hear(message: string): void {
    this.#handing.ask();
    if (message !== DECLARED_MESSAGE) this.#openness.hear(message, () => this.#refresh());
    else if (this.#options.onLimits !== undefined && !this.#closed)
      void this.#patiently(this.#options.onLimits(), "limits were not shown");
  }

  #refresh(): void {
    this.#room.callAll();
    void this.#patiently(this.#openness.read(), "the gate's troubles were not read");
  }

  #patiently(work: Promise<unknown>, what: string): Promise<void> {
    return patiently(this.#options.log, work, what);
  }
}

/** Pauses; ends early when the call is called off, which its caller sees. */
function interruptible(ms: number, signal: CancelSource): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
