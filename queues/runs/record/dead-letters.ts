import type { Redis } from "ioredis";

import type { Keys } from "../../names.ts";
import { partName } from "./part-names.ts";

/** A step or item that failed for good and that nobody has looked after yet. */
export interface DeadLetter {
  readonly runId: string;
  /** See `partOf`. */
  readonly slot: string;
  /** When it failed, by Redis' clock. */
  readonly atMs: number;
}

/** Letters removed by one call. */
const CHUNK = 500;

/**
 * The steps and items that failed after their last attempt. This is an index over the records of runs, which hold
 * everything else. It is written with the ending of a step and cleaned up when the step is reopened or forgotten.
 */
export class DeadLetters {
  readonly #redis: Redis;
  readonly #keys: Keys;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Newest first, after skipping `offset`. All tenants unless one is given. */
  async newest(offset: number, limit: number, tenant?: string): Promise<DeadLetter[]> {
    const key = this.#keys.dead(tenant);
    return lettersOf(await this.#redis.zrevrange(key, offset, offset + limit - 1, "WITHSCORES"));
  }

  /** Oldest first, after skipping `offset`, up to those that failed at `untilMs`. */
  async oldest(
    untilMs: number,
    offset: number,
    limit: number,
    tenant?: string,
  ): Promise<DeadLetter[]> {
    const key = this.#keys.dead(tenant);
    const page = ["LIMIT", offset, limit] as const;
    return lettersOf(await this.#redis.zrangebyscore(key, "-inf", untilMs, "WITHSCORES", ...page));
  }

  async count(tenant?: string): Promise<number> {
    return this.#redis.zcard(this.#keys.dead(tenant));
  }

  /** When each of these failed; null for those that are not dead letters. */
  async times(letters: readonly Pick<DeadLetter, "runId" | "slot">[]): Promise<(number | null)[]> {
    const times: (number | null)[] = [];
    for (let from = 0; from < letters.length; from += CHUNK) {
      const members = letters.slice(from, from + CHUNK).map(memberOf);
      for (const score of await this.#redis.zmscore(this.#keys.dead(), ...members))
        times.push(score === null ? null : Number(score));
    }
    return times;
  }

  /** Forgets letters of a tenant. Returns how many there were. The records stay as they are. */
  async discard(
    tenant: string,
    letters: readonly Pick<DeadLetter, "runId" | "slot">[],
  ): Promise<number> {
    let removed = 0;
    for (let from = 0; from < letters.length; from += CHUNK) {
      const members = letters.slice(from, from + CHUNK).map(memberOf);
      await this.#redis.zrem(this.#keys.dead(tenant), ...members);
      removed += await this.#redis.zrem(this.#keys.dead(), ...members);
    }
    return removed;
  }
}

const memberOf = ({ runId, slot: one }: Pick<DeadLetter, "runId" | "slot">): string =>
  `${runId} ${one}`;

function lettersOf(membersAndScores: readonly string[]): DeadLetter[] {
  const letters: DeadLetter[] = [];
  for (let at = 0; at < membersAndScores.length; at += 2) {
    const [runId = "", text = ""] = membersAndScores[at]!.split(" ");
    letters.push({ runId, slot: text, atMs: Number(membersAndScores[at + 1]) });
  }
  return letters;
}

/** Converts the shown name of a step or item to its slot: `each[3]` to `each.3`. Null if it is neither. */
export function partOfShown(shown: string): string | null {
  const found = /^([A-Za-z0-9_-]+)(?:\[(\d+)\])?$/.exec(shown);
  if (found?.[1] === undefined) return null;
  return partName(found[1], found[2] === undefined ? undefined : Number(found[2]));
}
