import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import { toolOfQueue, type GatedLimits, type Keys } from "../../queues/index.ts";
import { isLane } from "../../queues/worker.ts";

interface FreeTool {
  readonly upstream: string;
  readonly importance: number;
  /** Its lanes have limits of their own. */
  readonly perKey: boolean;
}

/**
 * What a process knows without asking: which tools take nothing and are in no trouble. Their jobs pass
 * without a call to the gate. Kept up to date by messages; read anew after the connection was away.
 */
export class Openness {
  readonly #redis: Redis;
  readonly #keys: Keys;
  /** Tools that take nothing, with the name of what is behind them and how important they are. */
  #free: ReadonlyMap<string, FreeTool> = new Map();
  #troubles = new Set<string>();
  #level = 0;
  /** What was heard since the reading began that is underway. */
  #late: string[] | undefined;
  /** Tools whose last call failed: their next success is worth telling. */
  readonly #watched = new Set<string>();

  constructor(redis: Redis, keys: Keys) {
    this.#redis = redis;
    this.#keys = keys;
  }

  isOpen(queue: string): boolean {
    const tool = toolOfQueue(queue);
    const free = this.#free.get(tool);
    return (
      free !== undefined &&
      !(free.perKey && isLane(queue)) &&
      free.importance <= 2 - this.#level &&
      (this.#troubles.size === 0 ||
        !(this.#troubles.has(`b:${tool}`) || this.#troubles.has(`u:${free.upstream}`)))
    );
  }

  /**
   * The service behind a tool has just asked to be left alone. The gate will say so to everybody, but the job that
   * goes back to its queue meanwhile must not be taken again before that is heard.
   */
  close(tool: string): void {
    this.hear(`+u:${this.#free.get(tool)?.upstream ?? tool}`, () => {});
  }

  isWatched(tool: string): boolean {
    return this.#watched.has(tool);
  }

  watch(tool: string, failed: boolean): void {
    if (failed) this.#watched.add(tool);
    else this.#watched.delete(tool);
  }

  /** `+field`, `-field`, or `!` when something else has changed. */
  hear(message: string, refresh: () => void): void {
    this.#late?.push(message);
    if (!this.#apply(message)) refresh();
  }

  #apply(message: string): boolean {
    const field = message.slice(1);
    if (message.startsWith("+")) this.#troubles.add(field);
    else if (message.startsWith("-")) this.#troubles.delete(field);
    else return false;
    return true;
  }

  async read(): Promise<void> {
    const { gate } = this.#keys;
    const late: string[] = [];
    this.#late = late;
    const [tools, troubles, level] = await Promise.all([
      this.#redis.hgetall(`${gate}.tools`),
      this.#redis.hkeys(`${gate}.trouble`),
      this.#redis.hget(gate, "level"),
    ]);
    const free = new Map<string, FreeTool>();
    for (const [tool, text] of Object.entries(tools)) {
      const {
        needs = {},
        budgets = [],
        external,
        cap,
        upstream = tool,
        importance = 1,
        perKey,
      } = readJson<Partial<GatedLimits>>(text);
      if (
        Object.keys(needs).length === 0 &&
        Object.keys(budgets).length === 0 &&
        (cap ?? false) === false &&
        external !== true
      )
        free.set(tool, { upstream, importance, perKey: perKey !== undefined });
    }
    this.#free = free;
    this.#troubles = new Set(troubles);
    // Messages and answers come over two connections: an answer may be older than what was heard before it.
    for (const message of late) this.#apply(message);
    if (this.#late === late) this.#late = undefined;
    this.#level = Number(level ?? 0);
  }
}
