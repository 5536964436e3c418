import { pino } from "pino";

import { loadCatalogue, parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import type { RepairParts, ToolHandler } from "../../../processors/index.ts";
import { Flows, Runs, Waits } from "../../../queues/client.ts";
import { Creations, FlowTemplates, Gate, Keys, Ledger, ToolQueues } from "../../../queues/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker, type StartWorkerOptions, type TuttiWorker } from "../../../src/worker.ts";
import { treeOf } from "../../../src/workflow/plan/tree.ts";
import { test as withRedis } from "../runner/redis.ts";

/** No worker of a test dies unless the test says so; one that stands still for a while keeps its steps. Milliseconds. */
const LOCK_MS = 60_000;

/** A deployment of a test's own: a client, and workers as asked for. All of it is closed with the test. */
export interface Orchestra {
  readonly tutti: Tutti;
  readonly redisUrl: string;
  readonly prefix: string;
  /** What the duties work with. */
  readonly parts: RepairParts;
  readonly queues: ToolQueues;
  /** Starts a worker in this process, with more functions for in_process tools. */
  readonly work: (
    handlers?: Readonly<Record<string, ToolHandler>>,
    options?: Partial<StartWorkerOptions>,
  ) => Promise<TuttiWorker>;
}

/** The shipped tools and four that tests give functions to: `probe` is idempotent, `effect` is not, `one` and `two` are for order. */
function testRegistry(): ToolRegistry {
  const tool = (id: string, more = "idempotent: true") =>
    `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], ${more}, binding: { type: in_process } }`;
  const text = [
    "tutti: 1",
    "tools:",
    tool("probe"),
    tool("effect", "idempotent: false"),
    tool("one"),
    tool("two"),
  ].join("\n");
  return new ToolRegistry([...loadCatalogue().list(), ...parseCatalogue(text, "test tools")]);
}

const silent = pino({ level: "silent" });

export const test = withRedis.extend<{ orchestra: Orchestra }>({
  orchestra: async ({ redisUrl, prefix, redis }, use) => {
    const registry = testRegistry();
    const tutti = new Tutti({ redisUrl, prefix, registry });
    const workers: TuttiWorker[] = [];
    const queues = new ToolQueues(redis, prefix);
    const flows = new Flows(redis, queues, prefix);
    await use({
      parts: {
        runs: new Runs(redis, new Keys(prefix)),
        flows,
        creations: new Creations(redis, new Keys(prefix), new FlowTemplates(flows, treeOf)),
        waits: new Waits(redis, new Keys(prefix)),
        gate: new Gate(redis, new Keys(prefix)),
        treeOf,
        maxRunning: 10,
        ledger: new Ledger(redis, new Keys(prefix)),
      },
      queues,
      tutti,
      redisUrl,
      prefix,
      work: async (handlers = {}, options = {}) => {
        const worker = await startWorker({
          redisUrl,
          prefix,
          registry,
          handlers,
          tools: [
            "probe",
            "effect",
            "one",
            "two",
            "core.echo",
            "core.sleep",
            "core.fail",
            "core.wait-for-file",
          ],
          log: silent,
          lockDurationMs: LOCK_MS,
          controlLockDurationMs: LOCK_MS,
          graceMs: 2_000,
          // What a test believes of its tools does not change with what else this machine does.
          learning: false,
          ...options,
        });
        workers.push(worker);
        return worker;
      },
    });
    await Promise.all(workers.map((worker) => worker.close()));
    await tutti.close();
    await queues.close();
  },
});
