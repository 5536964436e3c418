import { setTimeout as pause } from "node:timers/promises";

import { FlowProducer, Worker, type FlowJob, type Job } from "bullmq";
import { Redis } from "ioredis";
import { pino } from "pino";

import { parseCatalogue, ToolRegistry } from "../config/index.ts";
import { CONTROL_QUEUES, Keys, type TreeNode } from "../queues/index.ts";
import { prepare, Tutti } from "../src/index.ts";
import { startWorker } from "../src/worker.ts";
import { compile } from "../src/workflow/plan/compile.ts";
import { documentOf, type Shape } from "./shapes.ts";

/** Jobs that one worker of any arm runs at once, unless told otherwise: what a function without limits gets. */
export const CONCURRENCY = 200;
/** How often the end of the runs is looked for. Milliseconds. */
const POLL_MS = 3;

/** One way to run a shape: submits runs and says when they have ended. */
export interface Arm {
  readonly name: string;
  /** Submits `runs` runs at once and waits until all have ended. */
  run(runs: number): Promise<void>;
  /** Submits without workers; for measuring what waiting runs cost. */
  fill?(runs: number): Promise<void>;
  drain?(): Promise<void>;
  close(): Promise<void>;
}

/** A catalogue of one tool that does nothing, so many times at once. */
export function registryFor(concurrency: number): ToolRegistry {
  const share = 1 / concurrency;
  return new ToolRegistry(
    parseCatalogue(
      `tutti: 1
tools: [{ id: bench.noop, name: Nothing, category: foundation, capabilities: [testing], idempotent: true, resources: { cpu: ${share} }, binding: { type: in_process } }]`,
      "bench",
    ),
  );
}

// Begins anywhere: a bench that was killed leaves keys behind.
let sequence = Date.now() % 1_000_000;

/** Counts ends and resolves when there were as many as expected. */
class Countdown {
  #left = 0;
  #done: () => void = () => {};

  expect(count: number): Promise<void> {
    this.#left = count;
    return new Promise((resolve) => {
      this.#done = resolve;
    });
  }

  hit(): void {
    if (--this.#left === 0) this.#done();
  }
}

/** A FlowProducer tree of the same steps, edges that a tree cannot hold left out, and nothing else. */
export async function bareArm(
  redisUrl: string,
  shape: Shape,
  concurrency = CONCURRENCY,
): Promise<Arm> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const prefix = `{bare${sequence++}}`;
  const producer = new FlowProducer({ connection, prefix });
  const ends = new Countdown();
  const last = shape.dependencies.length - 1;
  const worker = new Worker(
    "noop",
    (job) => {
      if (job.name === `s${last}`) ends.hit();
      return Promise.resolve({ state: "completed" });
    },
    { connection, prefix, concurrency },
  );
  await worker.waitUntilReady();
  const taken = new Set<number>();
  // Each step is a child of one of its dependents; steps nothing waits for hang under the last.
  const childrenOf = shape.dependencies.map((on, node) =>
    on.filter((before) => !taken.has(before) && taken.add(before) && node > before),
  );
  for (let node = 0; node < last; node++) if (!taken.has(node)) childrenOf[last]!.push(node);
  const build = (node: number, run: string): FlowJob => ({
    name: `s${node}`,
    queueName: "noop",
    data: {},
    opts: {
      jobId: `${run}.s${node}`,
      ...(node === last ? {} : { ignoreDependencyOnFailure: true }),
    },
    children: childrenOf[node]!.map((child) => build(child, run)),
  });
  return {
    name: "bare",
    async run(runs) {
      const ended = ends.expect(runs);
      for (let run = 0; run < runs; run++) void producer.add(build(last, `bench.r${sequence++}`));
      await ended;
    },
    async close() {
      await worker.close();
      await producer.close();
      await wipe(connection, prefix);
      connection.disconnect();
    },
  };
}

function nest(tree: readonly TreeNode[]): FlowJob {
  const flows: FlowJob[] = tree.map((node) => ({
    name: node.name,
    queueName: node.queue,
    data: {},
    opts: {
      jobId: node.jobId,
      ...(node.parent === -1 ? {} : { ignoreDependencyOnFailure: true }),
    },
    children: [],
  }));
  for (const [index, node] of tree.entries())
    if (node.parent >= 0) flows[node.parent]!.children!.push(flows[index]!);
  return flows[0]!;
}

/** The compiled tree with processors that do nothing, links left out as in the bare one, and nothing else of ours. */
export async function floorArm(
  redisUrl: string,
  shape: Shape,
  concurrency = CONCURRENCY,
): Promise<Arm> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const prefix = `{floor${sequence++}}`;
  const producer = new FlowProducer({ connection, prefix });
  const ends = new Countdown();
  const process = ({ parentKey }: Job) => {
    // The job above all others: the run's, or that of its last step.
    if (parentKey === undefined) ends.hit();
    return Promise.resolve({ state: "completed" });
  };
  const workers = ["bench.noop", CONTROL_QUEUES.run].map(
    (name) => new Worker(name, process, { connection, prefix, concurrency }),
  );
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
  const plan = prepare(documentOf(shape), registryFor(concurrency));
  const workflow = { definition: plan.definition, hash: plan.workflow.hash, layout: plan.layout };
  const identity = { tenant: "default", actor: "bench", correlationId: "bench" };
  return {
    name: "floor",
    async run(runs) {
      const ended = ends.expect(runs);
      for (let run = 0; run < runs; run++) {
        void producer.add(
          nest(
            compile(workflow, {
              address: { workflowId: "bench", runId: `r${sequence++}`, epoch: 0 },
              identity,
              keys: { tenant: identity.tenant, steps: {} },
              priority: 0,
            }),
          ),
        );
      }
      await ended;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close()));
      await producer.close();
      await wipe(connection, prefix);
      connection.disconnect();
    },
  };
}

/** Tutti itself: submission with its record, workers with everything they do. */
export async function tuttiArm(
  redisUrl: string,
  shape: Shape,
  concurrency = CONCURRENCY,
  options: { readonly workers?: boolean } = {},
): Promise<Arm & { readonly prefix: string }> {
  const prefix = `{tutti${sequence++}}`;
  const registry = registryFor(concurrency);
  const tutti = new Tutti({ redisUrl, prefix, registry, maxRunning: 1_000_000 });
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const begin = () =>
    startWorker({
      redisUrl,
      prefix,
      registry,
      maxRunning: 1_000_000,
      handlers: { "bench.noop": () => ({ state: "completed" }) },
      log: pino({ level: "silent" }),
    });
  let worker = options.workers === false ? undefined : await begin();
  const plan = tutti.prepare(documentOf(shape));
  // Looked at from outside: a listener to every transition would be one more customer to serve.
  const openRuns = new Keys(prefix).open;
  const allEnded = async (): Promise<void> => {
    while ((await connection.zcard(openRuns)) > 0) await pause(POLL_MS);
  };
  const submit = async (runs: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: runs }, () =>
        tutti.submit(plan, { runId: `r${sequence++}`, actor: "bench", correlationId: "bench" }),
      ),
    );
  };
  return {
    name: "tutti",
    prefix,
    async run(runs) {
      await submit(runs);
      await allEnded();
    },
    fill: submit,
    async drain() {
      worker = await begin();
      await allEnded();
      await worker.close();
      worker = undefined;
    },
    async close() {
      await worker?.close();
      await tutti.close();
      await wipe(connection, prefix);
      connection.disconnect();
    },
  };
}

async function wipe(connection: Redis, prefix: string): Promise<void> {
  for await (const keys of connection.scanStream({
    match: `${prefix}*`,
    count: 5_000,
  }) as AsyncIterable<string[]>) {
    if (keys.length > 0) await connection.unlink(...keys);
  }
}
