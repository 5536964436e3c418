import { Queue } from "bullmq";
import type { Redis } from "ioredis";

import { FAR_MS } from "./flows.ts";

/** Entries that BullMQ keeps in the event stream of each queue. */
const EVENTS_KEPT = 1_000;

/** One BullMQ queue for each tool and each kind of control job: opened when first used, closed together. */
export class ToolQueues {
  readonly #connection: Redis;
  readonly #prefix: string;
  readonly #open = new Map<string, Queue>();

  constructor(connection: Redis, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  get(name: string): Queue {
    let queue = this.#open.get(name);
    if (queue === undefined) {
      queue = new Queue(name, {
        connection: this.#connection,
        prefix: this.#prefix,
        streams: { events: { maxLen: EVENTS_KEPT } },
      });
      // Trouble with Redis is reported by the calls; an event nobody hears would end the process.
      queue.on("error", () => {});
      this.#open.set(name, queue);
    }
    return queue;
  }

  /** How BullMQ names a queue in parent references. */
  qualified(name: string): string {
    return `${this.#prefix}:${name}`;
  }

  /** How many jobs of a queue wait for a worker; what waits for other jobs or a time does not count. */
  async waiting(name: string): Promise<number> {
    const queue = this.get(name);
    const [plain, prioritized] = await Promise.all([
      this.#connection.llen(queue.toKey("wait")),
      this.#connection.zcard(queue.toKey("prioritized")),
    ]);
    return plain + prioritized;
  }

  /** Until when a job stands aside; null when it does not, or until it is called. Milliseconds since 1970. */
  async dueAtMs({ queue, jobId }: { queue: string; jobId: string }): Promise<number | null> {
    const score = await this.#connection.zscore(this.get(queue).toKey("delayed"), jobId);
    // BullMQ keeps the order of jobs that are due at the same time in the low bits.
    const dueMs = score === null ? null : Math.floor(Number(score) / 4_096);
    return dueMs === null || dueMs > Date.now() + FAR_MS / 2 ? null : dueMs;
  }

  /** Lets a held job go. Harmless when it is not held (any more). */
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

  /** Gives a job another priority. Harmless when it is gone. */
  async reprioritize(queue: string, jobId: string, priority: number): Promise<void> {
    try {
      await this.get(queue).getBackend().changePriority(jobId, priority);
    } catch (thrown) {
      if (!(thrown instanceof Error) || !/Missing key for job/.test(thrown.message)) throw thrown;
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open.values()].map((queue) => queue.close()));
    this.#open.clear();
  }
}
