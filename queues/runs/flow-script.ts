import { createRedisBackend, QueueKeys, RedisQueueBackend, type BackendFactory } from "bullmq";

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

/** The part of a client that is used here: ioredis keeps what `defineCommand` was given. */
interface Client {
  readonly scriptsSet: Readonly<Record<string, KnownScript>>;
  defineCommand(name: string, script: { readonly lua: string; numberOfKeys: number }): void;
  /** Null when the flow was there. */
  tuttiAddFlow?: (args: readonly unknown[]) => Promise<unknown[] | null>;
  /** How many could not be removed. */
  tuttiRemoveJobs?: (args: readonly string[]) => Promise<number>;
}

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
        const answers = await callTogether(client, first, calls);
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

async function callTogether(
  client: Client,
  first: string,
  calls: readonly Call[],
): Promise<unknown[] | null> {
  // BullMQ names a script with the version that it belongs to.
  const names = Object.keys(client.scriptsSet).filter((name) => ADDING.has(name.split(":")[0]!));
  if (client.tuttiAddFlow === undefined) {
    const lua = togetherScript(names.map((name) => client.scriptsSet[name]!.lua));
    client.defineCommand("tuttiAddFlow", { lua, numberOfKeys: 1 });
  }
  const args: unknown[] = [first];
  for (const [name, given] of calls) {
    const keys = client.scriptsSet[name]!.numberOfKeys;
    args.push(names.indexOf(name) + 1, keys, given.length, ...given);
  }
  return client.tuttiAddFlow!(args);
}

/**
 * Scripts as the functions of one, which calls them in the order of its arguments, unless there is something at its
 * key. Each call is the number of the script, how many keys it takes, how many keys and arguments
 * there are, and these.
 */
function togetherScript(texts: readonly string[]): string {
  const functions = texts.map(
    (text) => `scripts[#scripts + 1] = function(KEYS, ARGV)\n${text}\nend`,
  );
  return `if redis.call("EXISTS", KEYS[1]) == 1 then return false end
local scripts = {}
${functions.join("\n")}
local answers = {}
local at = 1
while at <= #ARGV do
  local script, numberOfKeys, given = scripts[tonumber(ARGV[at])], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local keys, args = {}, {}
  for index = 1, given do
    local text = ARGV[at + 2 + index]
    if index <= numberOfKeys then keys[index] = text else args[index - numberOfKeys] = text end
  end
  -- A list ends at its first nil.
  answers[#answers + 1] = script(keys, args) or false
  at = at + 3 + given
end
return answers
`;
}

/** The script of BullMQ that removes a job, as it is named without its version. */
const REMOVING = "removeJob";

/**
 * Removes jobs with one script, in the order given, each by itself. False when some are locked by a worker. Jobs that are
 * gone cost nothing: BullMQ would look for them in lists that may be long. None of them is passed by the gate any more.
 *
 * @param free the key of the jobs that the gate lets pass.
 * @param jobs with how the keys of their queue begin.
 */
export async function removeTogether(
  connection: object,
  free: string,
  jobs: readonly { readonly prefix: string; readonly jobId: string }[],
): Promise<boolean> {
  const client = connection as Client;
  if (client.tuttiRemoveJobs === undefined) {
    const name = Object.keys(client.scriptsSet).find((one) => one.split(":")[0] === REMOVING);
    const lua = removeScript(client.scriptsSet[name!]!.lua);
    client.defineCommand("tuttiRemoveJobs", { lua, numberOfKeys: 1 });
  }
  const args = jobs.flatMap(({ prefix, jobId }) => [prefix, jobId]);
  return (await client.tuttiRemoveJobs!([free, ...args])) === 0;
}

function removeScript(text: string): string {
  return `local remove = function(KEYS, ARGV)
${text}
end
local locked = 0
for at = 1, #ARGV, 2 do
  local prefix, job = ARGV[at], ARGV[at + 1]
  redis.call("ZREM", KEYS[1], job)
  if redis.call("EXISTS", prefix .. job) == 1 and remove({ prefix .. job, prefix .. "repeat" }, { job, "0", prefix }) ~= 1 then
    locked = locked + 1
  end
end
return locked
`;
}
