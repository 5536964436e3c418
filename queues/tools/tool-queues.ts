import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { LRUCache } from "lru-cache";

import { CONTROL_QUEUES, isLane, Keys } from "../names.ts";
import { EVENTS_KEPT, Lanes } from "./lanes.ts";
import { WAKING } from "./waking.ts";

/** Lanes that are open in this process at the same time. They come and go. */
const LANES_OPEN = 500;

/** One BullMQ queue for each tool, each lane and each kind of control job. Opened when first used, closed together. */
export class ToolQueues {
  readonly #connection: Redis;
  readonly #prefix: string;
  readonly #open = new Map<string, Queue>();
  readonly #openLanes = new LRUCache<string, Queue>({
    max: LANES_OPEN,
    dispose: (queue) => void queue.close(),
  });
  /** The lanes of the deployment. */
  readonly lanes: Lanes;

  constructor(connection: Redis, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
    this.lanes = new Lanes(connection, new Keys(prefix));
  }

  get(name: string): Queue {
    const kept = isLane(name) ? this.#openLanes : this.#open;
    let queue = kept.get(name);
    if (queue === undefined) {
      queue = new Queue(name, {
        connection: this.#connection,
        prefix: this.#prefix,
        streams: { events: { maxLen: EVENTS_KEPT } },
        // Looking at a dropped lane must not write anything there.
        skipMetasUpdate: isLane(name),
        ...(name === CONTROL_QUEUES.schedule ? { settings: WAKING } : {}),
      });
      // Calls report trouble with Redis themselves. An `error` event without a listener would end the process.
      queue.on("error", () => {});
      kept.set(name, queue);
    }
    return queue;
  }

  /** The name of a queue in BullMQ's parent references. */
  qualified(name: string): string {
    return `${this.#prefix}:${name}`;
  }

  /** How many jobs of a queue wait for a worker. Jobs that wait for other jobs or for a time do not count. */
  async waiting(name: string): Promise<number> {
    const queue = this.get(name);
    const [plain, prioritized] = await Promise.all([
      this.#connection.llen(queue.toKey("wait")),
      this.#connection.zcard(queue.toKey("prioritized")),
    ]);
    return plain + prioritized;
  }

  /** Until when a job stands aside; null if it does not, or until it is called. Milliseconds since 1970. */
  async dueAtMs({ queue, jobId }: { queue: string; jobId: string }): Promise<number | null> {
    const score = await this.#connection.zscore(this.get(queue).toKey("delayed"), jobId);
    // BullMQ uses the low bits to order jobs that are due at the same time.
    const dueMs = score === null ? null : Math.floor(Number(score) / 4_096);
    return dueMs === null || dueMs > Date.now() + FAR_MS / 2 ? null : dueMs;
  }

  /** Starts a delayed job now. Harmless if it is not delayed. */
  async promote(queue: string, jobId: string): Promise<void> {
    try {
      await this.get(queue).getBackend().promote(jobId);
    } catch (thrown) {
      if (
        !(thrown instanceof Error) ||
        !/not in the delayed state|Missing key for job/.test(thrown.message)
      )
        throw thrown;
    }
  }

  /** Gives a job another priority. Harmless if it is gone. */
  async reprioritize(queue: string, jobId: string, priority: number): Promise<void> {
    try {
      await this.get(queue).getBackend().changePriority(jobId, priority);
    } catch (thrown) {
      if (!(thrown instanceof Error) || !/Missing key for job/.test(thrown.message)) throw thrown;
    }
  }

  async close(): Promise<void> {
    const open = [...this.#open.values(), ...this.#openLanes.values()];
    await Promise.all(open.map((queue) => queue.close()));
    this.#open.clear();
    this.#openLanes.clear();
  }
}

/** Ten years: BullMQ has no state "until told otherwise". Milliseconds. */
export const FAR_MS = 315_360_000_000;
