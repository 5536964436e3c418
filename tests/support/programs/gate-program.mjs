// A worker process of the gate's tests: plain BullMQ workers behind the gate that call a fake API.
// argv: the compiled project's folder, Redis, prefix, what it serves as JSON.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { Worker } from "bullmq";
import { pino } from "pino";

const [built, redisUrl, prefix, serves] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { TuttiError } = await load("config/index.js");
const { Keys, openPatient } = await load("queues/index.js");
const { Doorkeeper } = await load("processors/index.js");

const { apiUrl, tools, budgets, leaseMs, lockMs, concurrency } = JSON.parse(serves);
const connection = openPatient(redisUrl);
const keeper = new Doorkeeper({
  redisUrl,
  keys: new Keys(prefix),
  machine: `m${process.pid}`,
  process: `p${process.pid}`,
  leaseMs,
  strategy: "balanced",
  log: pino({ level: "warn" }, pino.destination(2)),
});
await keeper.start(new Map(Object.entries(tools)), budgets);

/** What an HTTP tool does: the path tells the API which job of which process calls. */
async function call(tool, { id, data }) {
  const response = await fetch(`${apiUrl}/${tool}/${id}/${process.pid}?units=${data.units ?? 1}`);
  await response.arrayBuffer();
  if (response.ok) return;
  const seconds = response.headers.get("retry-after");
  throw new TuttiError("tool_unavailable", `the API answered ${response.status}`, {
    details: {
      status: response.status,
      ...(seconds === null ? {} : { retryAfterMs: Number(seconds) * 1_000 }),
    },
  });
}

for (const tool of Object.keys(tools)) {
  const worker = new Worker(
    tool,
    keeper.guard(tool, (job) => call(tool, job)),
    {
      connection,
      prefix,
      concurrency,
      lockDuration: lockMs,
      stalledInterval: lockMs,
      maxStalledCount: 100,
      drainDelay: 30,
    },
    keeper.backendOf(tool),
  );
  worker.on("error", () => {});
  await worker.waitUntilReady();
}
await connection.rpush(`${prefix}.test:ready`, process.pid);
