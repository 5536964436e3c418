import { Queue } from "bullmq";
import type { Redis } from "ioredis";

import type { BudgetLimits, ToolLimits } from "../../queues/index.ts";
import { eventually } from "./eventually.ts";
import type { FakeApi } from "./fake-api.ts";
import { Fleet } from "./fleet.ts";

/** What the processes of a fleet serve. */
export interface GateServes {
  readonly api: FakeApi;
  readonly tools: Readonly<Record<string, ToolLimits>>;
  readonly budgets: Readonly<Record<string, BudgetLimits>>;
  /** What a process that died held comes back after this time. Milliseconds. Default: 2,000. */
  readonly leaseMs?: number;
  /** Jobs of one tool at once in one process. Default: 10. */
  readonly concurrency?: number;
}

/** Jobs of dead processes start again after this time. Milliseconds. */
const LOCK_MS = 1_000;

/** A tool that needs nothing of its machine and takes budgets: name and cost, one slot each. */
export function taking(budgets: Readonly<Record<string, number>>): ToolLimits {
  return {
    needs: {},
    budgets: Object.entries(budgets).map(([name, cost]) => [name, 1, cost] as const),
    upstream: "api",
    importance: 1,
  };
}

/** Worker processes behind the gate, each a machine of its own, that call a fake API; and their queues. */
export class GateFleet implements AsyncDisposable {
  readonly #fleet: Fleet;
  readonly #queues: ReadonlyMap<string, Queue>;
  #jobs = 0;

  private constructor(fleet: Fleet, queues: ReadonlyMap<string, Queue>) {
    this.#fleet = fleet;
    this.#queues = queues;
  }

  /** Resolves when all processes serve. */
  static async start(
    size: number,
    where: { readonly redisUrl: string; readonly redis: Redis; readonly prefix: string },
    { api, leaseMs = 2_000, concurrency = 10, ...serves }: GateServes,
  ): Promise<GateFleet> {
    const { redis, prefix } = where;
    const fleet = new Fleet(size, "tests/support/programs/gate-program.mjs", [
      where.redisUrl,
      prefix,
      JSON.stringify({ ...serves, apiUrl: api.url, leaseMs, lockMs: LOCK_MS, concurrency }),
    ]);
    const queues = new Map(
      Object.keys(serves.tools).map((tool) => [
        tool,
        new Queue(tool, { connection: redis, prefix }),
      ]),
    );
    const started = new GateFleet(fleet, queues);
    await eventually(
      async () => {
        const ready = await redis.llen(`${prefix}.test:ready`);
        if (ready < size)
          throw new Error(`${ready} processes serve; ${fleet.accidents.join("\n")}`);
      },
      { timeoutMs: 30_000 },
    );
    return started;
  }

  /** Processes that ended although nobody killed them, and what they said last. */
  get accidents(): readonly string[] {
    return this.#fleet.accidents;
  }

  /** Adds jobs that have one attempt, and returns their ids. */
  async submit(tool: string, count = 1, units = 1): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, () => `j${this.#jobs++}`);
    await this.#queues.get(tool)!.addBulk(
      ids.map((jobId) => ({
        name: "call",
        data: { units },
        opts: { jobId, attempts: 1 },
      })),
    );
    return ids;
  }

  /** Jobs of all tools that have not ended. */
  async open(): Promise<number> {
    return this.#sum("waiting", "prioritized", "active", "delayed");
  }

  async failed(): Promise<number> {
    return this.#sum("failed");
  }

  async completed(): Promise<number> {
    return this.#sum("completed");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
    await Promise.all([...this.#queues.values()].map((queue) => queue.close()));
  }

  async #sum(
    ...states: ("waiting" | "prioritized" | "active" | "delayed" | "failed" | "completed")[]
  ) {
    const counts = await Promise.all(
      [...this.#queues.values()].map((queue) => queue.getJobCountByTypes(...states)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }
}
