// The only place of the bench that knows how the gate is opened.
import { Worker, type Job } from "bullmq";
import type { Redis } from "ioredis";
import { pino } from "pino";

import { Doorkeeper } from "../../processors/index.ts";
import { openPatient } from "../../queues/client.ts";
import { Gate, Keys, type BudgetLimits } from "../../queues/index.ts";
import { concurrencyOf, MILLION, type BenchTool } from "./tools.ts";

/** A process that serves tools. */
export interface Server {
  /** Starts a worker for a tool. */
  serve(
    tool: BenchTool,
    processor: (job: Job) => Promise<unknown>,
    options?: { readonly concurrency?: number; readonly autorun?: boolean },
  ): Worker;
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly redisUrl: string;
  /** One for all workers of the process. */
  readonly connection: Redis;
  readonly prefix: string;
  readonly machine: string;
  readonly process: string;
  readonly tools: readonly BenchTool[];
  readonly budgets?: Readonly<Record<string, BudgetLimits>>;
  /** The gate's clock, when its time runs faster. */
  readonly now?: () => number;
}

/** Seconds that an idle worker waits at Redis before it looks again. */
const DRAIN_DELAY = 30;
/** What a process that died held comes back after this time. Milliseconds. */
const LEASE_MS = 30_000;

/** BullMQ's workers behind the gate. */
export async function gatedServer(options: ServerOptions): Promise<Server> {
  const { redisUrl, connection, prefix, machine, tools, budgets = {} } = options;
  const subscriber = openPatient(redisUrl);
  const keys = new Keys(prefix);
  const keeper = new Doorkeeper({
    gate: new Gate(connection, keys, options.now),
    redis: connection,
    subscriber,
    keys,
    machine,
    process: options.process,
    // Far away when the gate's clock is fast: renewing goes by ours.
    leaseMs: options.now === undefined ? LEASE_MS : 100 * LEASE_MS,
    capacity: { "*": MILLION },
    log: pino({ level: "warn" }, pino.destination(2)),
  });
  await keeper.start({
    tools: Object.fromEntries(tools.map(({ id, limits }) => [id, { declared: limits }])),
    budgets: Object.fromEntries(
      Object.entries(budgets).map(([name, declared]) => [name, { declared }]),
    ),
  });
  const workers: Worker[] = [];
  return {
    serve(tool, processor, more = {}) {
      const worker = new Worker(
        tool.id,
        processor,
        {
          connection,
          prefix,
          concurrency: concurrencyOf(tool),
          drainDelay: DRAIN_DELAY,
          ...more,
        },
        keeper.backendOf(tool.id),
      );
      workers.push(worker);
      return worker;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await keeper.close();
      subscriber.disconnect();
    },
  };
}

/** The same workers, and nobody at the door. */
export function bareServer({ connection, prefix }: ServerOptions): Server {
  const workers: Worker[] = [];
  return {
    serve(tool, processor, more = {}) {
      const worker = new Worker(tool.id, processor, {
        connection,
        prefix,
        concurrency: concurrencyOf(tool),
        drainDelay: DRAIN_DELAY,
        ...more,
      });
      workers.push(worker);
      return worker;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}
