import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";

import type { Redis } from "ioredis";

import {
  messageOf,
  parseRedisAddress,
  TuttiError,
  type DurabilityProfile,
} from "../../config/index.ts";
import { factsFrom, lackOf, type DurabilityFacts } from "./durability-facts.ts";
import { connectionOf, openImpatient } from "./open.ts";
import { redisTrouble, unavailable, type RedisTrouble } from "./trouble.ts";

/** How long a round waits for replicas before it counts them. Milliseconds. */
const ROUND_MS = 500;
const PAUSE_MS = 50;
/** How often to check whether there is a replica. Milliseconds. */
const LOOK_MS = 10_000;
/** The mark of a dead process expires after this time. Milliseconds. */
const MARK_MS = 60_000;

interface DurabilityOptions {
  /** Default: "standard". */
  readonly durability?: DurabilityProfile;
  /** How many replicas must have what is acknowledged. Default: see {@link Durability}. */
  readonly replicas?: number | undefined;
}

/** The result of a round: the connection whose writes are kept, or why that is not known. */
type Round = { readonly connection: string | null } | { readonly lack: Lack };

/** Why something is not known to be kept. */
interface Lack {
  readonly message: string;
  readonly trouble?: RedisTrouble;
}

/**
 * Tells when a write survives the loss of a server.
 *
 * Profile `standard`: at once; docs/operations.md says what a crash may lose. Profile `strict`: when the server has
 * synced the write to its disk and the requested number of replicas have it. Default: one replica if the address names
 * sentinels or a cluster, or if a replica was ever seen; otherwise none.
 *
 * One confirmation covers all earlier writes. It uses a connection of its own, because `WAIT` blocks its connection.
 * Two things could make its answer false, and both are checked. After a failover, the confirming server may not be the
 * one that was written to. So a mark is written after the work, on the same connection, and must be found by the
 * confirming one. And the work's connection may since have been made anew, to another server. So the caller names the
 * connection that it began with.
 */
export class Durability {
  readonly #redis: Redis;
  readonly #url: string;
  readonly #mark: string;
  /** Whether a write counts as kept only once that is confirmed. */
  readonly isStrict: boolean;
  #replicas: number;
  readonly #isFixed: boolean;
  #own: Redis | undefined;
  #facts:
    | { readonly connection: string | null; readonly facts: DurabilityFacts; readonly atMs: number }
    | undefined;
  #marks = 0;
  #isClosed = false;
  #underway: Promise<unknown> = Promise.resolve();
  #next: Promise<Round> | undefined;

  /** @param mark a key; a part for this process alone is appended. */
  constructor(redis: Redis, url: string, mark: string, options: DurabilityOptions = {}) {
    this.#redis = redis;
    this.#url = url;
    this.#mark = `${mark}:${randomBytes(9).toString("base64url")}`;
    this.isStrict = options.durability === "strict";
    const isWatched = parseRedisAddress(url)?.kind !== "server";
    this.#replicas = options.replicas ?? (isWatched ? 1 : 0);
    this.#isFixed = options.replicas !== undefined;
  }

  /**
   * Does work and resolves once it is kept, so that the caller may report it as done.
   *
   * @throws TuttiError `redis_unavailable` if it is not known to be kept within `ms`; `config_invalid` if this Redis
   * cannot keep it.
   */
  async keep<T>(work: () => Promise<T>, ms: number): Promise<T> {
    if (!this.isStrict) return work();
    // Does nothing if it is known that the work could not be kept.
    await this.check();
    const before = connectionOf(this.#redis);
    const result = await work();
    const since = before ?? connectionOf(this.#redis);
    const endsAt = performance.now() + ms;
    const kept = await this.#confirmed(since, ({ message, trouble }) => {
      if (performance.now() < endsAt) return;
      throw new TuttiError(
        "redis_unavailable",
        `${message}; within ${ms} ms it was not known to be kept (durability strict)`,
        trouble === undefined ? {} : { details: { trouble } },
      );
    });
    if (kept) return result;
    throw new TuttiError(
      "redis_unavailable",
      "the connection to Redis was lost meanwhile: it is not known whether this is kept (durability strict)",
    );
  }

  /**
   * Repeats work until it is kept.
   *
   * @param again the same work, when another server than the one that did it may answer.
   * @param isOver whether the result need not be kept, or not any more; it is then returned as it is.
   * @param onLack is told repeatedly what is missing.
   */
  async repeat<T>(
    work: () => Promise<T>,
    again: () => Promise<T>,
    isOver: (result: T) => boolean,
    onLack: (lack: Lack) => void,
  ): Promise<T> {
    for (let act = work; ; act = again) {
      const before = connectionOf(this.#redis);
      const result = await act();
      if (!this.isStrict || isOver(result)) return result;
      const since = before ?? connectionOf(this.#redis);
      const kept = await this.#confirmed(since, (lack) => {
        onLack(lack);
        return isOver(result);
      });
      if (kept || isOver(result)) return result;
    }
  }

  /**
   * Does work and returns without waiting until it is kept. If by then another server than the one that did it may
   * answer, the work is done again. Only for work that is harmless to repeat.
   */
  async follow<T>(work: () => Promise<T>): Promise<T> {
    const before = connectionOf(this.#redis);
    const result = await work();
    // Work that could not be repeated counts as lost. The next start knows how to handle that.
    if (this.isStrict) void this.#follow(before ?? connectionOf(this.#redis), work).catch(() => {});
    return result;
  }

  async #follow(since: string | null, work: () => Promise<unknown>): Promise<void> {
    let connection = since;
    while (!(await this.#confirmed(connection, () => this.#isClosed)) && !this.#isClosed) {
      const before = connectionOf(this.#redis);
      await work();
      connection = before ?? connectionOf(this.#redis);
    }
  }

  /**
   * Checks whether this Redis can keep what the profile promises.
   *
   * @throws TuttiError `config_invalid`.
   */
  async check(): Promise<void> {
    if (!this.isStrict) return;
    await this.#look().catch((thrown: unknown) => {
      if (thrown instanceof TuttiError) throw thrown;
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#own?.disconnect();
  }

  /**
   * Whether writes on the connection `since` are kept; false if there is another connection now.
   *
   * @param onLack is told what was missing in an attempt; true stops.
   */
  async #confirmed(since: string | null, onLack: (lack: Lack) => boolean | void): Promise<boolean> {
    for (;;) {
      const round = await this.#join();
      if ("connection" in round) return round.connection === since;
      // Replicas no longer matter.
      if (connectionOf(this.#redis) !== since) return false;
      if (onLack(round.lack) === true) return false;
      await pause(PAUSE_MS);
    }
  }

  /** Joins the next round. All who come while another round is underway share it. */
  #join(): Promise<Round> {
    this.#next ??= this.#underway.then(() => {
      this.#next = undefined;
      const round = this.#round();
      this.#underway = round.catch(() => {});
      return round;
    });
    return this.#next;
  }

  async #round(): Promise<Round> {
    try {
      const { own, syncs, hasWaitAof } = await this.#look();
      // With `always` the write is on disk before it is answered.
      const asksDisk = hasWaitAof && syncs !== "always";
      const connection = connectionOf(this.#redis);
      const mark = String(++this.#marks);
      await this.#redis.set(this.#mark, mark, "PX", MARK_MS);
      const [before, replicas] = [connectionOf(own), this.#replicas];
      // WAIT covers the last write of its own connection.
      const asked = own.pipeline().get(this.#mark).pexpire(this.#mark, MARK_MS);
      if (replicas > 0) asked.wait(replicas, ROUND_MS);
      if (asksDisk) asked.call("WAITAOF", 1, 0, ROUND_MS);
      const [found, , ...counts] = await answers(asked.exec());
      if (connectionOf(this.#redis) !== connection || connectionOf(own) !== before)
        return lacking("the connection to Redis was lost");
      if (found !== mark) return lacking("two Redis servers answer for this address");
      if (replicas > 0 && Number(counts[0]) < replicas)
        return lacking(`${Number(counts[0])} of ${replicas} replicas have confirmed`, "NOREPLICAS");
      if (asksDisk && Number((counts.at(-1) as unknown[])[0]) < 1)
        return lacking("Redis has not synced it to its disk");
      return { connection };
    } catch (thrown) {
      if (thrown instanceof TuttiError) throw thrown;
      return lacking(messageOf(unavailable(thrown)), redisTrouble(thrown));
    }
  }

  /** The facts about the server, read now and then and at each new connection. */
  async #look(): Promise<DurabilityFacts & { readonly own: Redis }> {
    const own = (this.#own ??= openImpatient(this.#url));
    const connection = connectionOf(own);
    const isOld = performance.now() - (this.#facts?.atMs ?? 0) > LOOK_MS;
    if (this.#facts?.connection !== connection || connection === null || isOld) {
      const facts = await factsFrom(own, this.#mark);
      const lack = lackOf(facts);
      if (lack !== null) throw new TuttiError("config_invalid", lack);
      if (!this.#isFixed && (facts.replicas ?? 0) > 0) this.#replicas = 1;
      this.#facts = { connection, facts, atMs: performance.now() };
    }
    return { ...this.#facts.facts, own };
  }
}

function lacking(message: string, trouble: RedisTrouble | null = null): Round {
  return { lack: trouble === null ? { message } : { message, trouble } };
}

/** @throws Error the first error among the answers. */
async function answers(
  exec: Promise<[error: Error | null, result: unknown][] | null>,
): Promise<unknown[]> {
  const all = (await exec) ?? [];
  for (const [error] of all) if (error !== null) throw error;
  return all.map(([, result]) => result);
}
