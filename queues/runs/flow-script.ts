import { QueueKeys, RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";

import {
  ADDING,
  bullFunction,
  defineScripts,
  keysOfBullScript,
  script,
  type Commands,
} from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { ADD_FLOW, REMOVE_JOBS } from "./scripts/generated.ts";

type Given = string | number | Buffer;

const functions = ADDING.map((name) => `scripts[#scripts + 1] = ${bullFunction(name)}`);

const SCRIPTS = {
  /** Answers null when the flow was there. */
  addFlow: script<
    [firstJob: string, linkedJobs: number, ...linksAndCalls: Given[]],
    unknown[] | null
  >("tuttiAddFlow", `local scripts = {}\n${functions.join("\n")}\n${ADD_FLOW}`, { keys: 1 }),
  removeJobs: script<[free: string, ...prefixesAndJobs: string[]], number>(
    "tuttiRemoveJobs",
    `local remove = ${bullFunction("removeJob")}\n${REMOVE_JOBS}`,
    { keys: 1 },
  ),
};

/** The commands of each connection. */
const defined = new WeakMap<object, Commands<typeof SCRIPTS>>();

function commandsOf(client: object, prefix: string): Commands<typeof SCRIPTS> {
  const commands = defined.get(client) ?? defineScripts(client as Redis, prefix, SCRIPTS);
  defined.set(client, commands);
  return commands;
}

/** What jobs wait for beside their children: keys of jobs, by the key of the one that waits. */
export type JobLinks = ReadonlyMap<string, readonly string[]>;

/** Jobs of a flow as FlowProducer gives them to its backend: each with its queue and its parent, parents first. */
export type FlowEntries = Parameters<RedisQueueBackend["addFlow"]>[0];

/** A script of BullMQ without its version, and what it takes: keys first. */
type Call = readonly [script: string, given: readonly Given[]];

/** What is asked to add a flow, or a part of one: what jobs wait for beside their children, then calls of BullMQ's scripts. */
export interface FlowCalls {
  /** The key of the first job: where it is, the flow is there. */
  readonly first: string;
  /** By the key of the set of what a job waits for. */
  readonly links: readonly (readonly [waiting: string, waitsFor: readonly string[]])[];
  readonly calls: readonly Call[];
}

/** Says what BullMQ would ask, by its own code. */
export async function callsOf(
  backend: RedisQueueBackend,
  entries: FlowEntries,
  links: JobLinks,
): Promise<FlowCalls> {
  const keys = entries.map(({ prefix, queueName, jobId }) =>
    new QueueKeys(prefix).toKey(queueName, jobId),
  );
  const calls: Call[] = [];
  const recorder = {
    // BullMQ names a script with the version that it belongs to.
    runCommand: (name: string, given: readonly unknown[]) =>
      calls.push([name.split(":")[0]!, given as Given[]]),
    exec: () => Promise.resolve(entries.map((entry) => [null, entry.jobId])),
  };
  const { queue: own } = backend as unknown as { readonly queue: object };
  const queue: unknown = Object.create(own, {
    client: { value: Promise.resolve({ multi: () => recorder }) },
  });
  const recording: RedisQueueBackend = Object.create(backend, { queue: { value: queue } });
  await RedisQueueBackend.prototype.addFlow.call(recording, entries);
  return {
    first: keys[0]!,
    links: keys
      .filter((key) => links.has(key))
      .map((key) => [`${key}:dependencies`, links.get(key)!] as const),
    calls,
  };
}

/**
 * Adds a flow, or a part of one, with one script instead of a transaction of many.
 *
 * A transaction names its scripts by their hashes. When Redis has lost its scripts (SCRIPT FLUSH, a failover
 * to a fresh replica, a restart), such a transaction fails at some of its commands and does the others, and
 * ioredis, which sends the text of a script again when one is missing, does not see it. One script is sent
 * again as a whole, it is there or it is not, and it costs one command.
 *
 * It takes words, not one JSON as templates are: of 1,000 jobs Redis' Lua would keep megabytes.
 *
 * A flow of which the first job is there is left as it is: somebody added it, this very command perhaps, whose
 * answer was lost. Its jobs may have ended by now, and a parent must not wait for them again.
 */
export async function addTogether(
  backend: RedisQueueBackend,
  entries: FlowEntries,
  jobLinks: JobLinks,
): Promise<void> {
  const { first, links, calls } = await callsOf(backend, entries, jobLinks);
  const args: Given[] = [];
  for (const [waiting, waitsFor] of links) args.push(waiting, waitsFor.length, ...waitsFor);
  for (const [name, given] of calls)
    args.push(ADDING.indexOf(name) + 1, keysOfBullScript(name), given.length, ...given);
  const commands = commandsOf(await backend.client, entries[0]!.prefix);
  await commands.addFlow(first, links.length, ...args);
}

/**
 * Removes jobs with one script, in the order given, each by itself. False when some are locked by a worker. Jobs that are
 * gone cost nothing: BullMQ would look for them in lists that may be long. None of them is passed by the gate any more.
 *
 * @param keys of the deployment.
 * @param jobs with how the keys of their queue begin.
 */
export async function removeTogether(
  connection: object,
  { prefix, free }: Keys,
  jobs: readonly { readonly prefix: string; readonly jobId: string }[],
): Promise<boolean> {
  const args = jobs.flatMap((job) => [job.prefix, job.jobId]);
  return (await commandsOf(connection, prefix).removeJobs(free, ...args)) === 0;
}
