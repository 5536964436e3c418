import type { Redis } from "ioredis";

import { defineScripts, script, type Commands } from "../connection/index.ts";
import { isLane, type Keys } from "../names.ts";
import { DROP_LANES, TIDY_LANES, USE_LANES } from "./scripts/generated.ts";

/** Entries that BullMQ keeps in the event stream of each queue. */
export const EVENTS_KEPT = 1_000;

/** Lanes handled by one call. Lets Redis serve others in between. */
const CHUNK = 100;

const SCRIPTS = {
  use: script<
    [
      all: string,
      prefix: string,
      mode: "" | "NX",
      events: number,
      channel: string,
      ...lanes: string[],
    ],
    number
  >("tuttiUseLanes", USE_LANES, { keys: 1 }),
  drop: script<
    [all: string, prefix: string, idleMs: number, channel: string, lookedAt: number],
    [lookedAt: string, ...dropped: string[]]
  >("tuttiDropLanes", DROP_LANES, { keys: 1 }),
  tidy: script<[all: string, prefix: string, ...lanes: string[]], number>(
    "tuttiTidyLanes",
    TIDY_LANES,
    { keys: 1 },
  ),
};

/**
 * The lanes of a deployment: queues for the keys of tools with limits per key. They come and go, so existing ones are
 * listed for the workers. Whoever adds a job lists its lane. A lane is dropped only if it is empty, by the same script
 * that checks this.
 */
export class Lanes {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
    this.#scripts = defineScripts(redis, keys.prefix, SCRIPTS);
  }

  /**
   * Adds jobs to queues that may be lanes. Lanes are listed before, so that nothing is lost if the process dies
   * meanwhile, and again after, in case one was dropped in between.
   */
  async use(queues: readonly string[], add: () => Promise<unknown>): Promise<void> {
    await this.#use(queues, "");
    await add();
    await this.keep(queues);
  }

  /** Lists the lanes among these queues again, in case they were forgotten. */
  async keep(queues: readonly string[]): Promise<void> {
    await this.#use(queues, "NX");
  }

  /** Lanes that are served, last used first. */
  all(limit?: number): Promise<string[]> {
    return this.#redis.zrevrange(this.#keys.lanes, 0, limit === undefined ? -1 : limit - 1);
  }

  /** Which of these are served. */
  async known(lanes: readonly string[]): Promise<boolean[]> {
    if (lanes.length === 0) return [];
    const scores = await this.#redis.zmscore(this.#keys.lanes, ...lanes);
    return scores.map((score) => score !== null);
  }

  /** Drops empty lanes that were not used for this long. Returns their names. */
  async dropIdle(idleMs: number): Promise<string[]> {
    const { lanes, prefix, laneChanges } = this.#keys;
    const dropped: string[] = [];
    for (;;) {
      // One page at a time, so that Redis can serve others in between.
      const [looked, ...some] = await this.#scripts.drop(lanes, prefix, idleMs, laneChanges, CHUNK);
      dropped.push(...some);
      if (Number(looked) < CHUNK) return dropped;
    }
  }

  /** Removes the remains of dropped lanes among these queues. */
  async tidy(queues: readonly string[]): Promise<void> {
    const { lanes, prefix } = this.#keys;
    await inChunks(lanesOf(queues), (some) => this.#scripts.tidy(lanes, prefix, ...some));
  }

  async #use(queues: readonly string[], mode: "" | "NX"): Promise<void> {
    const { lanes, prefix, laneChanges } = this.#keys;
    await inChunks(lanesOf(queues), (some) =>
      this.#scripts.use(lanes, prefix, mode, EVENTS_KEPT, laneChanges, ...some),
    );
  }
}

const lanesOf = (queues: readonly string[]): string[] => [...new Set(queues.filter(isLane))];

async function inChunks(
  lanes: readonly string[],
  call: (some: readonly string[]) => Promise<unknown>,
): Promise<void> {
  for (let from = 0; from < lanes.length; from += CHUNK)
    await call(lanes.slice(from, from + CHUNK));
}
