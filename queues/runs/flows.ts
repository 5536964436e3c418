import { FlowProducer } from "bullmq";
import type { Redis } from "ioredis";

import { ENQUEUE_BATCH_JOBS, RETRY_MAX_DELAY_MS, given } from "../../config/index.ts";
import { defineScripts, script, type Commands } from "../connection/index.ts";
import type { RunJob, StepLinks } from "../jobs.ts";
import { jobIds, Keys } from "../names.ts";
import { type ToolQueues, FAR_MS } from "../tools/tool-queues.ts";
import {
  addTogether,
  callsOf,
  removeTogether,
  type FlowCalls,
  type FlowEntries,
  type JobLinks,
} from "./flow-script.ts";
import type { JobPlace } from "./record/links.ts";
import { withLinks } from "./record/with-links.ts";
import { LET_GO } from "./scripts/generated.ts";

/** A job of a compiled tree. */
export interface TreeNode {
  readonly queue: string;
  readonly jobId: string;
  /** Name in Bull Board. */
  readonly name: string;
  readonly data: RunJob & { readonly stepId?: string; readonly links?: StepLinks };
  /** Index of the parent in the tree; -1 for the root, which comes first. Parents come before their children. */
  readonly parent: number;
  /** BullMQ's priority; the smallest goes first. Control jobs have none. */
  readonly priority?: number;
  /** The job of another tree that waits for this root. */
  readonly under?: { readonly queue: string; readonly jobId: string };
}

/** The backoff strategy that Tutti's workers register. */
export const BACKOFF = "tutti";
/** Switches off BullMQ's own bound. The record counts how often a tool is called. */
const WITHOUT_LIMIT = 1_000_000;
/** Jobs promoted at the same time. */
const CHUNK = 200;
/** Jobs removed by one call. Lets Redis serve others in between. */
const REMOVED_PER_CALL = 100;

/**
 * How long a control job pauses before its next attempt. It is retried without limit, so it must not spin.
 * Milliseconds.
 */
export function controlBackoffMs(attemptsMade: number): number {
  return Math.min(100 * 2 ** Math.min(attemptsMade, 20), RETRY_MAX_DELAY_MS);
}

const jobOptions = (jobId: string) => ({
  jobId,
  attempts: WITHOUT_LIMIT,
  backoff: { type: BACKOFF },
});

/**
 * Options of every job below a root. Tutti decides the outcome of a step, so a failed child keeps no parent waiting.
 */
export const childOptions = (jobId: string) => ({
  ...jobOptions(jobId),
  ignoreDependencyOnFailure: true,
});

const SCRIPTS = {
  letGo: script<[job: string, queue: string, jobId: string, ...waitsFor: string[]], number>(
    "tuttiLetGo",
    withLinks(LET_GO),
    { keys: 1 },
  ),
};

/** Adds compiled trees to Redis. */
export class Flows {
  readonly #producer: FlowProducer;
  readonly #queues: ToolQueues;
  readonly #prefix: string;
  readonly #keys: Keys;
  readonly #scripts: Commands<typeof SCRIPTS>;

  constructor(connection: Redis, queues: ToolQueues, prefix: string) {
    this.#producer = new FlowProducer({ connection, prefix });
    // Calls report trouble with Redis themselves. An `error` event without a listener would end the process.
    this.#producer.on("error", () => {});
    this.#queues = queues;
    this.#prefix = prefix;
    this.#keys = new Keys(prefix);
    this.#scripts = defineScripts(connection, prefix, SCRIPTS);
  }

  /**
   * Adds a tree. Up to 1,000 jobs are added at once, all or none. A larger tree is added in batches while its sources
   * are held back; once all jobs are there, `added` is called and the sources start. Adding the same tree again is
   * always harmless.
   */
  async add(tree: readonly TreeNode[], added: () => Promise<void>): Promise<void> {
    const queues = tree.map(({ queue }) => queue);
    await this.#queues.lanes.use(queues, () => this.#add(tree, added));
  }

  async #add(tree: readonly TreeNode[], added: () => Promise<void>): Promise<void> {
    const backend = this.#producer.getBackend();
    const links = this.#linksOf(tree);
    const isLarge = !this.fitsOneBatch(tree);
    const entries = this.#entriesOf(tree, links, isLarge ? sourcesOf(tree) : NONE);
    for (let from = 0; from < entries.length; from += ENQUEUE_BATCH_JOBS)
      await addTogether(backend, entries.slice(from, from + ENQUEUE_BATCH_JOBS), links);
    if (!isLarge) return;
    await added();
    await this.release(tree);
  }

  /** The calls of BullMQ's scripts that add a tree at once. */
  callsOf(tree: readonly TreeNode[]): Promise<FlowCalls> {
    const links = this.#linksOf(tree);
    return callsOf(this.#producer.getBackend(), this.#entriesOf(tree, links, NONE), links);
  }

  /** The jobs of a tree. Held jobs begin when they are released. */
  #entriesOf(tree: readonly TreeNode[], links: JobLinks, held: ReadonlySet<number>): FlowEntries {
    const parents = new Set(tree.map(({ parent }) => parent));
    return tree.map((node, index) => {
      const waits = parents.has(index) || links.has(this.#keyOf(node));
      return this.#entryOf(tree, node, { waits, isHeld: held.has(index) });
    });
  }

  /** A job as FlowProducer passes it to its backend. `waits`: it waits for other jobs, present or not. */
  #entryOf(
    tree: readonly TreeNode[],
    { queue, jobId, name, data, parent, priority, under }: TreeNode,
    { waits, isHeld }: { readonly waits: boolean; readonly isHeld: boolean },
  ): FlowEntries[number] {
    const above = under ?? tree[parent];
    const parentQueue = above === undefined ? "" : this.#queues.qualified(above.queue);
    const parentKey = above === undefined ? "" : `${parentQueue}:${above.jobId}`;
    const jobData = {
      id: jobId,
      name,
      data: JSON.stringify(data),
      opts: {
        ...(above === undefined ? jobOptions(jobId) : childOptions(jobId)),
        ...given({ priority }),
        ...(isHeld ? { delay: FAR_MS } : {}),
        ...(above === undefined ? {} : { parent: { id: above.jobId, queue: parentQueue } }),
      },
      ...(above === undefined
        ? {}
        : { parent: { id: above.jobId, queueKey: parentQueue, idof: true }, parentKey }),
      progress: 0,
      attemptsMade: 0,
      attemptsStarted: 0,
      stalledCounter: 0,
      timestamp: Date.now(),
      stacktrace: "null",
      returnvalue: "null",
    } as FlowEntries[number]["jobData"];
    const parentKeyOpts = {
      ...(above === undefined
        ? {}
        : { parentKey, parentDependenciesKey: `${parentKey}:dependencies` }),
      ...(waits ? { addToWaitingChildren: true } : {}),
    };
    return { jobData, jobId, parentKeyOpts, prefix: this.#prefix, queueName: queue };
  }

  /** Whether a tree is added at once. */
  fitsOneBatch(tree: readonly TreeNode[]): boolean {
    return tree.length <= ENQUEUE_BATCH_JOBS;
  }

  /** Starts delayed jobs now. Harmless for jobs that are not delayed. */
  async promote(jobs: readonly JobPlace[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += CHUNK) {
      await Promise.all(
        jobs
          .slice(from, from + CHUNK)
          .map(({ queue, jobId }) => this.#queues.promote(queue, jobId)),
      );
    }
  }

  /** Gives jobs another priority. Harmless for jobs that have begun or are gone. */
  async reprioritize(jobs: readonly JobPlace[], priority: number): Promise<void> {
    for (let from = 0; from < jobs.length; from += CHUNK) {
      await Promise.all(
        jobs
          .slice(from, from + CHUNK)
          .map(({ queue, jobId }) => this.#queues.reprioritize(queue, jobId, priority)),
      );
    }
  }

  async has(queue: string, jobId: string): Promise<boolean> {
    return (await this.#queues.get(queue).getJob(jobId)) !== undefined;
  }

  /** BullMQ's state of a job; `unknown` if there is none. */
  async stateOf(queue: string, jobId: string): Promise<string> {
    return this.#queues.get(queue).getJobState(jobId);
  }

  /** Runs a finished job once more. False if it has not finished or is gone. */
  async again({ queue, jobId }: JobPlace, state: "completed" | "failed"): Promise<boolean> {
    const job = await this.#queues.get(queue).getJob(jobId);
    if (job === undefined) return false;
    try {
      await job.retry(state);
      return true;
    } catch (thrown) {
      const isElsewhere =
        thrown instanceof Error && /not in the .* state|Missing key for job/.test(thrown.message);
      if (!isElsewhere) throw thrown;
      return false;
    }
  }

  /** Starts the sources of a tree that was added in batches. Harmless if some have started. */
  async release(tree: readonly TreeNode[]): Promise<void> {
    await this.promote([...sourcesOf(tree)].map((index) => tree[index]!));
  }

  /**
   * Releases jobs of a tree that wait by links for steps that have all ended: one job, by its id, or all. Harmless for
   * jobs that do not wait for these steps.
   */
  async releaseLinked(tree: readonly TreeNode[], jobId?: string): Promise<void> {
    const links = this.#linksOf(tree);
    for (const node of tree) {
      const waitsFor = links.get(this.#keyOf(node));
      if (waitsFor !== undefined && (jobId ?? node.jobId) === node.jobId)
        await this.#letGo(node, waitsFor);
    }
  }

  async #letGo({ queue, jobId }: JobPlace, waitsFor: readonly string[]): Promise<void> {
    const qualified = this.#queues.qualified(queue);
    await this.#scripts.letGo(`${qualified}:${jobId}`, qualified, jobId, ...waitsFor);
  }

  #keyOf({ queue, jobId }: JobPlace): string {
    return `${this.#queues.qualified(queue)}:${jobId}`;
  }

  /** What jobs wait for, other than their children. */
  #linksOf(tree: readonly TreeNode[]): Map<string, string[]> {
    const links = new Map<string, string[]>();
    for (const node of tree) {
      for (const [stepId, queue] of node.data.links?.to ?? []) {
        const waiting = this.#keyOf({ queue, jobId: jobIds.step(node.data, stepId) });
        const linked = links.get(waiting);
        if (linked === undefined) links.set(waiting, [this.#keyOf(node)]);
        else linked.push(this.#keyOf(node));
      }
    }
    return links;
  }

  /** Removes jobs in the given order, one by one. False if a worker has locked some. */
  async remove(jobs: readonly JobPlace[]): Promise<boolean> {
    if (jobs.length === 0) return true;
    const { client } = this.#queues.get(jobs[0]!.queue).getBackend();
    let all = true;
    for (let from = 0; from < jobs.length; from += REMOVED_PER_CALL) {
      const some = jobs.slice(from, from + REMOVED_PER_CALL).map(({ queue, jobId }) => ({
        prefix: `${this.#queues.qualified(queue)}:`,
        jobId,
      }));
      all = (await removeTogether(await client, this.#keys, some)) && all;
    }
    await this.#queues.lanes.tidy(jobs.map(({ queue }) => queue));
    return all;
  }

  /** Makes workers serve the lanes among these queues, in case they were forgotten. */
  async keepLanes(queues: readonly string[]): Promise<void> {
    await this.#queues.lanes.keep(queues);
  }

  async close(): Promise<void> {
    await this.#producer.close();
  }
}

const NONE: ReadonlySet<number> = new Set();

/** Nodes that wait for nothing, where a run begins. */
function sourcesOf(tree: readonly TreeNode[]): ReadonlySet<number> {
  const sources = new Set(tree.keys());
  const linked = new Set<string | undefined>();
  for (const { parent, data } of tree) {
    sources.delete(parent);
    for (const [stepId] of data.links?.to ?? []) linked.add(stepId);
  }
  for (const [index, { data }] of tree.entries())
    if (data.stepId !== undefined && linked.has(data.stepId)) sources.delete(index);
  return sources;
}
