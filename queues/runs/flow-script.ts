import { QueueKeys, RedisQueueBackend } from "bullmq";
import type { Redis } from "ioredis";

import {
  bullFunction,
  defineScripts,
  keysOfBullScript,
  script,
  type Commands,
} from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { ADD_FLOW, REMOVE_JOBS } from "./scripts/generated.ts";

/** The scripts of BullMQ that add a flow. */
const ADDING = [
  "addStandardJob",
  "addPrioritizedJob",
  "addDelayedJob",
  "addParentJob",
  "releaseParentIfNoPendingDependencies",
];

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

type Call = readonly [script: string, args: readonly unknown[]];

/**
 * Adds a flow, or a part of one, with one script instead of a transaction of many.
 *
 * A transaction names its scripts by their hashes. When Redis has lost its scripts (SCRIPT FLUSH, a failover
 * to a fresh replica, a restart), such a transaction fails at some of its commands and does the others, and
 * ioredis, which sends the text of a script again when one is missing, does not see it. One script is sent
 * again as a whole, it is there or it is not, and it costs one command.
 *
 * A flow of which the first job is there is left as it is: somebody added it, this very command perhaps, whose
 * answer was lost. Its jobs may have ended by now, and a parent must not wait for them again.
 */
export async function addTogether(
  backend: RedisQueueBackend,
  entries: FlowEntries,
  links: JobLinks,
): Promise<void> {
  const client = await backend.client;
  const args: Given[] = [];
  let linkedJobs = 0;
  for (const { prefix, queueName, jobId } of entries) {
    const key = new QueueKeys(prefix).toKey(queueName, jobId);
    const waitsFor = links.get(key);
    if (waitsFor === undefined) continue;
    linkedJobs++;
    args.push(`${key}:dependencies`, waitsFor.length, ...waitsFor);
  }
  const recorder = {
    runCommand: (...[name, given]: Call) => {
      // BullMQ names a script with the version that it belongs to.
      const adds = name.split(":")[0]!;
      args.push(ADDING.indexOf(adds) + 1, keysOfBullScript(adds), given.length);
      args.push(...(given as Given[]));
    },
    exec: async () => {
      const { prefix, queueName, jobId } = entries[0]!;
      const first = new QueueKeys(prefix).toKey(queueName, jobId);
      const answers = await commandsOf(client, prefix).addFlow(first, linkedJobs, ...args);
      return (answers ?? entries.map((entry) => entry.jobId)).map((answer) => [null, answer]);
    },
  };
  // BullMQ says what is to be called, by its own code.
  const { queue: own } = backend as unknown as { readonly queue: object };
  const queue: unknown = Object.create(own, {
    client: { value: Promise.resolve({ multi: () => recorder }) },
  });
  const recording: RedisQueueBackend = Object.create(backend, { queue: { value: queue } });
  await RedisQueueBackend.prototype.addFlow.call(recording, entries);
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
