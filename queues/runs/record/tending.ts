import type { Redis } from "ioredis";

import { defineScripts, script, type Commands } from "../../connection/index.ts";
import type { Keys } from "../../names.ts";
import { ADMIT, EXPIRED, FIND_OPEN, TAKE_TENDED } from "../scripts/generated.ts";

/** Runs admitted by one call. Lets Redis serve others in between. */
const ADMITTED_PER_CALL = 50;
/** Tenants or runs of one page. A list that Redis stores in one piece comes as a whole. */
const PAGE = 200;
/** How many runs at work of a tenant one look sees, in no order. The next look sees others. */
const SEEN_AT_WORK = 100;

/** A page of something that is read bit by bit. */
export interface Page {
  readonly ids: readonly string[];
  /** Where the next page begins; "0" after the last one. */
  readonly next: string;
}

/** Which ended runs expire. Milliseconds since 1970. */
export interface Expiry {
  readonly doneBeforeMs: number;
  readonly failedBeforeMs: number;
  /** At most this many of each kind and tenant are kept. */
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
 * Finds the runs that need somebody to look at them. The cost depends on those runs, not on all open ones: runs that
 * only wait for their turn stand in their tenant's line, and only tenants with a line are asked.
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

  /** Takes runs that nobody has looked at since then, up to `limit` of each kind: stopping, at work, aside. */
  take(beforeMs: number, limit: number): Promise<string[]> {
    return this.#scripts.take(this.#keys.tended, beforeMs, limit);
  }

  /** Admits waiting runs of tenants as far as there is room. Their jobs can be added now. */
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

  /** Tenants whose runs wait for their turn. */
  async lines(from: string): Promise<Page> {
    const [next, ids] = await this.#redis.sscan(this.#keys.lines, from, "COUNT", PAGE);
    return { ids, next };
  }

  /** Runs of tenants that are at work while other runs of the tenant wait for their turn. */
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

  /** Checks a page of all open runs and adds those that the indexes lack. Returns how many. */
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
   * Ended runs of tenants that are too old or beyond the number to keep, oldest first, up to `limit` per tenant; and
   * how many there are in total.
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

  /** Where a duty that works bit by bit stopped; "0" if it begins anew. */
  async cursor(duty: string): Promise<string> {
    return (await this.#redis.hget(this.#keys.cursors, duty)) ?? "0";
  }

  async keepCursor(duty: string, cursor: string): Promise<void> {
    if (cursor === "0") await this.#redis.hdel(this.#keys.cursors, duty);
    else await this.#redis.hset(this.#keys.cursors, duty, cursor);
  }
}
