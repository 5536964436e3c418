import { join } from "node:path";
// A worker process of the crash tests. It may kill itself at the worst moments: before a tool's effect,
// and between the effect and its being written down.
import { pathToFileURL } from "node:url";

const [built, redisUrl, prefix, deaths] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { parseCatalogue, ToolRegistry } = await load("config/index.js");
const { openPatient } = await load("queues/client.js");
const { startWorker } = await load("src/worker.js");

const tool = (id, idempotent) =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: ${idempotent}, binding: { type: in_process } }`;
const registry = new ToolRegistry(
  parseCatalogue(
    ["tutti: 1", "tools:", tool("probe", true), tool("effect", false), tool("one", true)].join(
      "\n",
    ),
    "crash tools",
  ),
);
const redis = openPatient(redisUrl);
const die = async () => {
  await redis.rpush(`${prefix}.test:deaths`, process.pid);
  process.kill(process.pid, "SIGKILL");
  // Until the signal arrives.
  await new Promise(() => {});
};
const maybeDie = async () => {
  if (Math.random() < Number(deaths)) await die();
};

async function act(input, { runId, stepId }) {
  await maybeDie();
  const item = input.n === undefined ? "" : `[${input.n}]`;
  await redis.rpush(`${prefix}.test:effects`, `${runId} ${stepId}${item}`);
  await maybeDie();
  return stepId;
}

await startWorker({
  redisUrl,
  prefix,
  registry,
  handlers: { probe: act, effect: act, one: die },
  // Whoever binds a secret dies of it.
  secret: () => process.kill(process.pid, "SIGKILL"),
  lockDurationMs: 1_000,
  controlLockDurationMs: 1_000,
});
await redis.rpush(`${prefix}.test:starts`, process.pid);
