import { createRedisBackend, QueueKeys, RedisQueueBackend, type BackendFactory } from "bullmq";
import type { Redis } from "ioredis";

import { defineScripts, script } from "../connection/index.ts";
import type { Keys } from "../names.ts";
import { ADD_FLOW, REMOVE_JOBS } from "./scripts/generated.ts";

/** The scripts of BullMQ that add a flow, as they are named without their version. */
const ADDING: ReadonlySet<string> = new Set([
  "addStandardJob",
  "addPrioritizedJob",
  "addDelayedJob",
  "addParentJob",
  "releaseParentIfNoPendingDependencies",
]);

/** A script as ioredis knows it. */
interface KnownScript {
  readonly lua: string;
  readonly numberOfKeys: number;
}

/** A client as ioredis makes it: it keeps what `defineCommand` was given. */
type Client = Redis & { readonly scriptsSet: Readonly<Record<string, KnownScript>> };

type Call = readonly [script: string, args: readonly unknown[]];

/**
 * The backend of a FlowProducer that adds a flow with one script instead of a transaction of many.
 *
 * A transaction names its scripts by their hashes. When Redis has lost its scripts (SCRIPT FLUSH, a failover
 * to a fresh replica, a restart), such a transaction fails at some of its commands and does the others, and
 * ioredis, which sends the text of a script again when one is missing, does not see it. One script is sent
 * again as a whole, it is there or it is not, and it costs one command. The texts are BullMQ's own, as this
 * connection has them.
 *
 * A flow of which the first job is there is left as it is: somebody added it, this very command perhaps, whose
 * answer was lost. Its jobs may have ended by now, and a parent must not wait for them again.
 */
export const flowBackend: BackendFactory<RedisQueueBackend> = (...args) => {
  const backend = createRedisBackend(...args);
  backend.addFlow = async (entries) => {
    const client = (await backend.client) as unknown as Client;
    const calls: Call[] = [];
    const recorder = {
      runCommand: (name: string, given: readonly unknown[]) => calls.push([name, given]),
      exec: async () => {
        const { prefix, queueName, jobId } = entries[0]!;
        const first = new QueueKeys(prefix).toKey(queueName, jobId);
        const answers = await callTogether(client, prefix, first, calls);
        return (answers ?? entries.map((entry) => entry.jobId)).map((answer) => [null, answer]);
      },
    };
    const { queue: own } = backend as unknown as { readonly queue: object };
    const queue: unknown = Object.create(own, {
      client: { value: Promise.resolve({ multi: () => recorder }) },
    });
    const recording: RedisQueueBackend = Object.create(backend, { queue: { value: queue } });
    return RedisQueueBackend.prototype.addFlow.call(recording, entries);
  };
  return backend;
};

type Given = string | number | Buffer;

async function callTogether(
  client: Client,
  prefix: string,
  first: string,
  calls: readonly Call[],
): Promise<unknown[] | null> {
  const { names, addFlow } = adding.get(client) ?? defineAdding(client, prefix);
  const args: Given[] = [];
  for (const [name, given] of calls) {
    const keys = client.scriptsSet[name]!.numberOfKeys;
    args.push(names.indexOf(name) + 1, keys, given.length, ...(given as Given[]));
  }
  return addFlow(first, ...args);
}

/** What adds flows by a connection: its texts are put together once. */
const adding = new WeakMap<Client, ReturnType<typeof defineAdding>>();

function defineAdding(client: Client, prefix: string) {
  // BullMQ names a script with the version that it belongs to.
  const names = Object.keys(client.scriptsSet).filter((name) => ADDING.has(name.split(":")[0]!));
  const lua = together(names.map((name) => client.scriptsSet[name]!.lua));
  const commands = defineScripts(client, prefix, {
    /** Answers null when the flow was there. */
    addFlow: script<[firstJob: string, ...calls: Given[]], unknown[] | null>("tuttiAddFlow", lua, {
      keys: 1,
    }),
  });
  const defined = { names, ...commands };
  adding.set(client, defined);
  return defined;
}

/** Scripts of BullMQ as the functions that add-flow.lua calls. */
function together(texts: readonly string[]): string {
  const functions = texts.map(
    (text) => `scripts[#scripts + 1] = function(KEYS, ARGV)\n${text}\nend`,
  );
  return `local scripts = {}\n${functions.join("\n")}\n${ADD_FLOW}`;
}

/** The script of BullMQ that removes a job, as it is named without its version. */
const REMOVING = "removeJob";

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
  const client = connection as Client;
  const { removeJobs } = removing.get(client) ?? defineRemoving(client, prefix);
  const args = jobs.flatMap((job) => [job.prefix, job.jobId]);
  return (await removeJobs(free, ...args)) === 0;
}

const removing = new WeakMap<Client, ReturnType<typeof defineRemoving>>();

function defineRemoving(client: Client, prefix: string) {
  const name = Object.keys(client.scriptsSet).find((one) => one.split(":")[0] === REMOVING);
  const one = `local remove = function(KEYS, ARGV)\n${client.scriptsSet[name!]!.lua}\nend\n`;
  const commands = defineScripts(client, prefix, {
    removeJobs: script<[free: string, ...prefixesAndJobs: string[]], number>(
      "tuttiRemoveJobs",
      `${one}${REMOVE_JOBS}`,
      { keys: 1 },
    ),
  });
  removing.set(client, commands);
  return commands;
}
