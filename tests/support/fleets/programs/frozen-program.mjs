import { join } from "node:path";
// A worker process that tells of its calls and holds them until it is told to go on.
import { pathToFileURL } from "node:url";

const [built, redisUrl, prefix] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { parseCatalogue, ToolRegistry } = await load("config/index.js");
const { openPatient } = await load("queues/client.js");
const { startWorker } = await load("src/worker.js");

const tool = (id, idempotent) =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: ${idempotent}, binding: { type: in_process } }`;
const registry = new ToolRegistry(
  parseCatalogue(
    ["tutti: 1", "tools:", tool("probe", true), tool("effect", false)].join("\n"),
    "tools",
  ),
);
const redis = openPatient(redisUrl);
async function call() {
  await redis.rpush(`${prefix}.test:calls`, process.pid);
  await redis.blpop(`${prefix}.test:go`, 0);
  return "first";
}
await startWorker({
  redisUrl,
  prefix,
  registry,
  handlers: { probe: call, effect: call },
  lockDurationMs: 1_000,
});
