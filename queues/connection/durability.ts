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

/** A round asks replicas for so long; then it is known how many have it. Milliseconds. */
const ROUND_MS = 500;
const PAUSE_MS = 50;
/** How often it is looked whether there is a replica now. Milliseconds. */
const LOOK_MS = 10_000;
/** The mark of a process that died is gone after this time. Milliseconds. */
const MARK_MS = 60_000;

interface DurabilityOptions {
  /** Default: "standard". */
  readonly durability?: DurabilityProfile;
  /** So many replicas must have what is acknowledged. Default: see {@link Durability}. */
  readonly replicas?: number | undefined;
}

/** What a round found: the connection whose writes are kept, or why that is not known. */
type Round = { readonly connection: string | null } | { readonly lack: Lack };

/** Why something is not known to be kept. */
interface Lack {
  readonly message: string;
  readonly trouble?: RedisTrouble;
}

/**
 * Says when what was written survives the end of a server.
 *
 * Profile `standard`: always; what a crash may take is told in docs/operations.md. Profile `strict`: when the server
 * has synced it to its disk, and as many replicas have it as are asked for: one where the address names sentinels or
 * a cluster, or a replica was ever seen, else none.
 *
 * All that was written before is confirmed at once, by a connection of its own, because `WAIT` holds up its
 * connection. Two things could make its answer a lie, and are looked for. The server that confirms may be another
 * than the one that was written to, in a failover: so a mark is written after the work, on the connection of
 * the work, and has to be found where it is confirmed. And the connection of the work may have been made
 * anew since, to another server: so who asks names the connection that it began with.
 */
export class Durability {
  readonly #redis: Redis;
  readonly #url: string;
  readonly #mark: string;
  /** Whether something is kept only when it was seen to be. */
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

  /** @param mark a key, for this process alone is added to it. */
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
   * Work that somebody is told is done: it is kept when this resolves.
   *
   * @throws TuttiError `redis_unavailable` when it is not known to be kept within `ms`; `config_invalid` when this
   * Redis cannot keep it.
   */
  async keep<T>(work: () => Promise<T>, ms: number): Promise<T> {
    if (!this.isStrict) return work();
    // Nothing is done where it is known that it could not be kept.
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
   * Does work until it is kept.
   *
   * @param again the same when another server may answer than the one that did it.
   * @param isOver whether it need not be kept, or no more: it is returned as it is.
   * @param onLack told what is missing, again and again.
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
   * Does work, and goes on without waiting until it is kept; when another server may answer by then than the one that
   * did it, it is done again. For what is harmless when it is done again.
   */
  async follow<T>(work: () => Promise<T>): Promise<T> {
    const before = connectionOf(this.#redis);
    const result = await work();
    // What could not be done again is as if it had been lost, which its next start knows how to end.
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
   * Sees whether this Redis can keep what the profile promises.
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
   * Whether what was written on the connection `since` is kept; false when there is another one now.
   *
   * @param onLack told what was missing at a try; true ends it.
   */
  async #confirmed(since: string | null, onLack: (lack: Lack) => boolean | void): Promise<boolean> {
    for (;;) {
      const round = await this.#join();
      if ("connection" in round) return round.connection === since;
      // Who has it is no question any more.
      if (connectionOf(this.#redis) !== since) return false;
      if (onLack(round.lack) === true) return false;
      await pause(PAUSE_MS);
    }
  }

  /** The next round that begins: one for all who come while another is underway. */
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
      // With `always` it is on the disk before it is answered.
      const asksDisk = hasWaitAof && syncs !== "always";
      const connection = connectionOf(this.#redis);
      const mark = String(++this.#marks);
      await this.#redis.set(this.#mark, mark, "PX", MARK_MS);
      const [before, replicas] = [connectionOf(own), this.#replicas];
      // What it waits for is the last write of its own connection.
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

  /** What the server is and can do, looked at now and then, and at each new connection to it. */
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

/** @throws Error the first one of the answers. */
async function answers(
  exec: Promise<[error: Error | null, result: unknown][] | null>,
): Promise<unknown[]> {
  const all = (await exec) ?? [];
  for (const [error] of all) if (error !== null) throw error;
  return all.map(([, result]) => result);
}
