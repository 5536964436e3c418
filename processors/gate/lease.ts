import type { Redis } from "ioredis";
import type { Logger } from "pino";

import type { Declaration, Gate } from "../../queues/index.ts";
import { type Grant, SIGN_OF_LIFE_MS } from "../../queues/worker.ts";
import { patiently } from "../patiently.ts";
import { Declarer } from "./declarer.ts";
import { UNUSED } from "./gatekeeper.ts";
import type { HandingOn } from "./handing-on.ts";
import type { Holdings } from "./holdings.ts";

/** A permit that the gate counts and this process does not know is looked at again after this time. Milliseconds. */
const RECHECK_MS = 1_000;

/** Who has a lease, and for how long. */
export interface LeaseOptions {
  readonly gate: Gate;
  readonly redis: Redis;
  readonly log: Logger;
  /** Processes with the same machine share its capacity. */
  readonly machine: string;
  /** Name of this process; no other has it. */
  readonly process: string;
  /** A process that is silent this long loses its permits. Milliseconds. */
  readonly leaseMs: number;
  /** Capacity of the machine in millionths, by resource; `*` for all others, -1 for no bound. */
  readonly capacity: Readonly<Record<string, number>>;
}

/** A call that is underway, as far as it has a permit. */
export interface HeldPermit {
  /** Null for a job that needed none. */
  grant: Grant | null;
  /** When it was given, by this process' clock. Milliseconds. */
  readonly atMs: number;
}

/** The permits of a process: by running job, and by what was asked for. */
interface Permits {
  readonly held: ReadonlyMap<string, HeldPermit>;
  readonly holdings: Holdings;
  readonly handing: HandingOn;
}

/**
 * What a process holds of the gate stays its own as long as it gives signs of life. With each what the gate has in its name is
 * compared with what it knows: answers get lost, and so may Redis what it knew.
 */
export class Lease {
  readonly #options: LeaseOptions;
  readonly #declarer: Declarer;
  readonly #permits: Permits;
  #timer: NodeJS.Timeout | undefined;
  #renewing: Promise<void> | undefined;
  #ended = false;

  /** @param declared may change while the process lives. */
  constructor(
    options: LeaseOptions,
    permits: Permits,
    declared: Declaration | (() => Declaration),
  ) {
    this.#options = options;
    this.#permits = permits;
    this.#declarer = new Declarer(options, declared);
  }

  /** The process is known from now on, and what it declares. */
  async begin(): Promise<void> {
    await this.#register();
    // Answers that were underway when the connection broke are lost, with the permits in them.
    this.#options.redis.on("ready", () => void this.renew());
    const everyMs = Math.min(SIGN_OF_LIFE_MS, Math.max(50, this.#options.leaseMs / 3));
    this.#timer = setInterval(() => void this.renew(), everyMs);
    this.#timer.unref();
  }

  /** Gives everything back. Jobs that still run lose their permits. */
  async end(): Promise<void> {
    this.#ended = true;
    clearInterval(this.#timer);
    await this.#options.gate.leave(this.#options);
  }

  async #register(): Promise<void> {
    const { leaseMs, capacity } = this.#options;
    await this.#options.gate.register(this.#options, leaseMs, capacity);
    await this.#declarer.declare();
  }

  /** One at a time: what the gate says is compared with what is known when it has been said. */
  renew(): Promise<void> {
    if (this.#ended) return Promise.resolve();
    this.#renewing ??= patiently(
      this.#options.log,
      this.#compare(),
      "the gate's lease was not renewed",
    ).finally(() => {
      this.#renewing = undefined;
    });
    return this.#renewing;
  }

  /** Keeps the lease; gives back what only the gate knows of, and has counted what only this process knows of. */
  async #compare(): Promise<void> {
    const running = [...this.#permits.held.values()].map(({ grant }) => grant?.permit);
    const { known, permits } = await this.#options.gate.renew(this.#options, this.#options.leaseMs);
    if (!known) await this.#comeBack();
    else await this.#declarer.declareChanges();
    const there = new Set(permits);
    const lost = new Set(running.filter((permit) => permit !== undefined && !there.has(permit)));
    if (lost.size > 0) {
      this.#permits.handing.ask();
      await this.#countAgain(lost);
    }
    const leaked = this.#permits.holdings.leaked(permits);
    if (leaked.length > 0)
      this.#options.log.warn({ permits: leaked.length }, "answers of the gate were lost");
    await Promise.all(leaked.map((permit) => this.#options.gate.release(permit, UNUSED)));
    if (this.#permits.holdings.doubtful) setTimeout(() => void this.renew(), RECHECK_MS).unref();
  }

  async #comeBack(): Promise<void> {
    this.#permits.handing.ask();
    this.#options.log.warn("the gate took this process for dead");
    await this.#register();
  }

  /** Calls that are underway here and whose permits are gone: others must not believe that there is room. */
  async #countAgain(lost: ReadonlySet<string | undefined>): Promise<void> {
    const { held: running, holdings } = this.#permits;
    const { gate } = this.#options;
    const calls = [...running].filter(([, { grant }]) => lost.has(grant?.permit));
    await Promise.all(
      calls.map(async ([key, held]) => {
        const old = held.grant;
        const holding = old === null ? undefined : holdings.get(old.permit);
        if (old === null || holding === undefined) return;
        const { tool } = holding;
        const underwayMs = performance.now() - held.atMs;
        const grant = await gate.adopt(tool, this.#options, old.take, underwayMs);
        if (grant === null) return;
        if (running.get(key) === held && held.grant === old) {
          holdings.drop(old.permit);
          holdings.add(grant.permit, tool, holding.askedMs);
          held.grant = grant;
        } else await gate.release(grant.permit, UNUSED);
      }),
    );
  }
}
