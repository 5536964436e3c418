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
  /** Returns null if the flow exists. */
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

/** What jobs wait for, other than their children: keys of jobs, by the key of the waiting job. */
export type JobLinks = ReadonlyMap<string, readonly string[]>;

/** Jobs of a flow as FlowProducer passes them to its backend: each with its queue and its parent, parents first. */
export type FlowEntries = Parameters<RedisQueueBackend["addFlow"]>[0];

/** A script of BullMQ without its version, and its keys and arguments. */
type Call = readonly [script: string, given: readonly Given[]];

/**
 * The calls that add a flow or a part of one: first what jobs wait for other than their children, then calls of
 * BullMQ's scripts.
 */
export interface FlowCalls {
  /** The key of the first job. If it exists, the flow exists. */
  readonly first: string;
  /** By the key of the set of jobs that a job waits for. */
  readonly links: readonly (readonly [waiting: string, waitsFor: readonly string[]])[];
  readonly calls: readonly Call[];
}

/** Records the calls that BullMQ's own code would make. */
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
    // BullMQ appends its version to a script's name.
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
 * Adds a flow or a part of one with one script instead of a transaction of many.
 *
 * A transaction calls its scripts by hash. If Redis has lost its scripts (SCRIPT FLUSH, a failover to a fresh replica,
 * a restart), some commands of the transaction fail and the others take effect. ioredis resends the text of a missing
 * script, but does not notice it inside a transaction. One script is resent as a whole, runs or does not run, and costs
 * one command.
 *
 * It takes separate arguments, not one JSON as templates do: for 1,000 jobs Redis' Lua would retain megabytes.
 *
 * A flow whose first job exists is left as it is: somebody has added it, perhaps this very command, whose answer was
 * lost. Its jobs may have ended by now, and a parent must not wait for them again.
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
 * Removes jobs with one script, in the given order, one by one. False if a worker has locked some. Jobs that are gone
 * cost nothing, whereas BullMQ would search lists that may be long. Also removes the jobs' marks that let them pass the
 * gate.
 *
 * @param keys of the deployment.
 * @param jobs with the key prefixes of their queues.
 */
export async function removeTogether(
  connection: object,
  { prefix, free }: Keys,
  jobs: readonly { readonly prefix: string; readonly jobId: string }[],
): Promise<boolean> {
  const args = jobs.flatMap((job) => [job.prefix, job.jobId]);
  return (await commandsOf(connection, prefix).removeJobs(free, ...args)) === 0;
}
