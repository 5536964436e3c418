import type { Redis } from "ioredis";

import { defineScripts, script, type Commands } from "../../connection/index.ts";
import type { Keys } from "../../names.ts";
import { ADMIT, EXPIRED, FIND_OPEN, TAKE_TENDED } from "../scripts/generated.ts";

/** Runs that one call admits; keeps Redis free for others in between. */
const ADMITTED_PER_CALL = 50;
/** Tenants, or runs, of one page. A list that Redis keeps in one piece comes as a whole. */
const PAGE = 200;
/** Runs of a tenant at work that one look sees, in no order: with the next look others come. */
const SEEN_AT_WORK = 100;

/** A page of something that is looked at bit by bit. */
export interface Page {
  readonly ids: readonly string[];
  /** Where the next one begins; "0" when this was the last. */
  readonly next: string;
}

/** Which ended runs are kept no longer. Milliseconds since 1970. */
export interface Expiry {
  readonly doneBeforeMs: number;
  readonly failedBeforeMs: number;
  /** So many of each kind and tenant are kept at most. */
  readonly keep: number;
  readonly limit: number;
}

const SCRIPTS = {
  admit: script<
    [lines: string, prefix: string, cap: number, most: number, ...tenants: string[]],
    string[]
  >("tuttiAdmit", ADMIT, { keys: 1, once: true }),
  take: script<[tended: string, beforeMs: number, limit: number], string[]>(
    "tuttiTakeTended",
    TAKE_TENDED,
    { keys: 1, once: true },
  ),
  findOpen: script<[lines: string, prefix: string, ...runIds: string[]], number>(
    "tuttiFindOpen",
    FIND_OPEN,
    { keys: 1, once: true },
  ),
  expired: script<
    [
      runs: string,
      prefix: string,
      doneBeforeMs: number,
      failedBeforeMs: number,
      keep: number,
      limit: number,
      ...tenants: string[],
    ],
    [count: number, ...runIds: string[]]
  >("tuttiExpired", EXPIRED, { keys: 1 }),
};

/**
 * Which runs need somebody to look at them, so that looking costs by those and not by all that are open: runs which only
 * wait for their turn stand in their tenant's line, and of tenants only those with a line are asked.
 */
export class Tending {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /** Takes runs that nobody looked at since then, up to so many of each kind: what is stopped, at work, aside. */
  take(beforeMs: number, limit: number): Promise<string[]> {
    return this.#scripts.take(this.#keys.tended, beforeMs, limit);
  }

  /** Admits waiting runs of tenants, as far as there is room. Their jobs can be added now. */
  async admit(tenants: readonly string[], maxRunning: number): Promise<string[]> {
    const admitted: string[] = [];
    if (tenants.length === 0) return admitted;
    for (;;) {
      const some = await this.#scripts.admit(
        this.#keys.lines,
        this.#keys.prefix,
        maxRunning,
        ADMITTED_PER_CALL,
        ...tenants,
      );
      admitted.push(...some);
      if (some.length < ADMITTED_PER_CALL) return admitted;
    }
  }

  /** Tenants of which runs wait for their turn. */
  async lines(from: string): Promise<Page> {
    const [next, ids] = await this.#redis.sscan(this.#keys.lines, from, "COUNT", PAGE);
    return { ids, next };
  }

  /** Runs of tenants that are at work, while others of them wait for their turn. */
  async inTheWay(tenants: readonly string[]): Promise<string[]> {
    const runs = await Promise.all(
      tenants.map(async (tenant) => {
        const [waiting, atWork] = await Promise.all([
          this.#redis.exists(this.#keys.waiting(tenant)),
          this.#redis.srandmember(this.#keys.admitted(tenant), SEEN_AT_WORK),
        ]);
        return waiting === 0 ? [] : atWork;
      }),
    );
    return runs.flat();
  }

  /** Looks at a page of all open runs for those that the indexes miss. Returns how many it put in. */
  async findOpen(from: string): Promise<{ readonly found: number; readonly next: string }> {
    const [next, pairs] = await this.#redis.zscan(this.#keys.open, from, "COUNT", PAGE);
    const ids = pairs.filter((_, index) => index % 2 === 0);
    if (ids.length === 0) return { found: 0, next };
    return {
      found: await this.#scripts.findOpen(this.#keys.lines, this.#keys.prefix, ...ids),
      next,
    };
  }

  /** Tenants that ever submitted. */
  async tenants(from: string): Promise<Page> {
    const [next, ids] = await this.#redis.sscan(this.#keys.tenants, from, "COUNT", PAGE);
    return { ids, next };
  }

  /**
   * Ended runs of tenants that are past their time or beyond the number to keep, the oldest first, up to so many of each
   * tenant; and how many there are in all.
   */
  async expired(
    tenants: readonly string[],
    { doneBeforeMs, failedBeforeMs, keep, limit }: Expiry,
  ): Promise<{ readonly ids: readonly string[]; readonly count: number }> {
    if (tenants.length === 0) return { ids: [], count: 0 };
    const [count, ...ids] = await this.#scripts.expired(
      this.#keys.runs,
      this.#keys.prefix,
      doneBeforeMs,
      failedBeforeMs,
      keep,
      limit,
      ...tenants,
    );
    return { ids, count };
  }

  /** Where a duty that goes bit by bit stopped; "0" when it begins anew. */
  async cursor(duty: string): Promise<string> {
    return (await this.#redis.hget(this.#keys.cursors, duty)) ?? "0";
  }

  async keepCursor(duty: string, cursor: string): Promise<void> {
    if (cursor === "0") await this.#redis.hdel(this.#keys.cursors, duty);
    else await this.#redis.hset(this.#keys.cursors, duty, cursor);
  }
}
