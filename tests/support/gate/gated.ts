import { Queue, Worker, type Job } from "bullmq";
import { Redis } from "ioredis";
import { pino } from "pino";

import { Doorkeeper } from "../../../processors/index.ts";
import { type ToolLimits } from "../../../queues/client.ts";
import {
  Gate,
  JobMoves,
  Keys,
  Ledger,
  RedisClock,
  type BudgetLimits,
  type GatedLimits,
} from "../../../queues/index.ts";
import { test as withRedis } from "../runner/redis.ts";

/** A process on a machine: its gate, and BullMQ workers behind it. */
interface GatedProcess {
  readonly keeper: Doorkeeper;
  /** Serves the queue of a tool. */
  readonly serve: (
    tool: string,
    work: (job: Job, token: string) => Promise<unknown>,
    concurrency?: number,
  ) => Worker;
  readonly close: () => Promise<void>;
  /** Goes without a word, as a process that was killed. */
  readonly vanish: () => void;
}

/** What the catalogue of a process says. */
interface Declared {
  readonly tools: Readonly<Record<string, GatedLimits>>;
  readonly budgets: Readonly<Record<string, BudgetLimits>>;
}

const asDeclared = <T>(limits: Readonly<Record<string, T>>): Record<string, { declared: T }> =>
  Object.fromEntries(Object.entries(limits).map(([id, declared]) => [id, { declared }]));

/** A gate with plain BullMQ queues behind it. */
export interface GatedFixture {
  readonly gate: Gate;
  readonly queue: (tool: string) => Queue;
  readonly process: (
    machine: string,
    declared?: Partial<Declared>,
    options?: {
      readonly leaseMs?: number;
      /** Jobs of a process that vanished are given to another after this time. Milliseconds. */
      readonly lockMs?: number;
      readonly capacity?: Readonly<Record<string, number>>;
      /** Where it finds Redis. */
      readonly redisUrl?: string;
      /** Jobs move by the ledger's script, as in the product, so that permits can be handed on. Default: true. */
      readonly sharedMoves?: boolean;
      /** The clock of its gate. */
      readonly now?: () => number;
    },
  ) => Promise<GatedProcess>;
}

/** The limits of a tool that needs these shares of a machine and these budgets. */
export function takes(
  needs: Readonly<Record<string, number>>,
  budgets: ToolLimits["budgets"] = [],
  more: Partial<ToolLimits> = {},
): ToolLimits {
  const millionths = Object.entries(needs).map(([name, share]) => [name, Math.round(share * 1e6)]);
  return {
    needs: Object.fromEntries(millionths) as Record<string, number>,
    budgets,
    upstream: "up",
    importance: 1,
    ...more,
  };
}

let count = 0;

export const test = withRedis.extend<{ gated: GatedFixture }>({
  gated: async ({ redisUrl, redis, prefix }, use) => {
    const keys = new Keys(prefix);
    const queues = new Map<string, Queue>();
    const processes: GatedProcess[] = [];
    await use({
      gate: new Gate(redis, keys),
      queue: (tool) => {
        let queue = queues.get(tool);
        if (queue === undefined) {
          queue = new Queue(tool, { connection: redis, prefix });
          queues.set(tool, queue);
        }
        return queue;
      },
      process: async (machine, declared = {}, options = {}) => {
        const url = options.redisUrl ?? redisUrl;
        const { lockMs = 60_000 } = options;
        const connection = new Redis(url, { maxRetriesPerRequest: null });
        const subscriber = new Redis(url, { maxRetriesPerRequest: null });
        for (const one of [connection, subscriber]) one.on("error", () => {});
        const isShared = options.sharedMoves ?? true;
        const moves = isShared ? new JobMoves(new Ledger(connection, keys)) : undefined;
        const keeper = new Doorkeeper({
          gate: new Gate(connection, keys, options.now),
          redis: connection,
          subscriber,
          keys,
          machine,
          process: `${machine}-${++count}`,
          leaseMs: options.leaseMs ?? 30_000,
          capacity: options.capacity ?? { "*": 1_000_000 },
          moves,
          clock: new RedisClock(moves?.backend),
          log: pino({ level: "silent" }),
        });
        await keeper.start({
          tools: asDeclared(declared.tools ?? {}),
          budgets: asDeclared(declared.budgets ?? {}),
        });
        const workers: Worker[] = [];
        let gone = false;
        const process: GatedProcess = {
          keeper,
          serve: (tool, work, concurrency = 10) => {
            const worker = new Worker(
              tool,
              async (job, token) => work(job, token ?? ""),
              {
                connection,
                prefix,
                concurrency,
                lockDuration: lockMs,
                stalledInterval: lockMs / 2,
                // As the product has it: a process that stands still for a while is no failure of the job.
                maxStalledCount: 100,
              },
              keeper.backendOf(tool),
            );
            worker.on("error", () => {});
            workers.push(worker);
            return worker;
          },
          close: async () => {
            if (gone) return;
            gone = true;
            await Promise.all(workers.map((worker) => worker.close()));
            await keeper.close();
            connection.disconnect();
            subscriber.disconnect();
          },
          vanish: () => {
            gone = true;
            connection.disconnect();
            subscriber.disconnect();
            for (const worker of workers) void worker.close(true);
          },
        };
        processes.push(process);
        return process;
      },
    });
    await Promise.all(processes.map((process) => process.close()));
    await Promise.all([...queues.values()].map((queue) => queue.close()));
  },
});
