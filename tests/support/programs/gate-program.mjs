// A worker process of the gate's tests: plain BullMQ workers behind the gate that call a fake API.
// argv: the compiled project's folder, Redis, prefix, what it serves as JSON.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { WaitingError, Worker } from "bullmq";
import { pino } from "pino";

const [built, redisUrl, prefix, serves] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { Keys, openPatient } = await load("queues/index.js");
const { Doorkeeper } = await load("processors/index.js");

const { apiUrl, tools, budgets, leaseMs, lockMs, concurrency } = JSON.parse(serves);
const connection = openPatient(redisUrl);
const subscriber = openPatient(redisUrl);
const keeper = new Doorkeeper({
  redis: connection,
  subscriber,
  keys: new Keys(prefix),
  machine: `m${process.pid}`,
  process: `p${process.pid}`,
  leaseMs,
  capacity: { "*": 1_000_000 },
  log: pino({ level: "warn" }, pino.destination(2)),
});
await keeper.start({ tools, budgets });

/** What an HTTP tool does: the path tells the API which job of which process calls. */
async function call(tool, job, token) {
  const units = job.data.units ?? 1;
  const response = await fetch(`${apiUrl}/${tool}/${job.id}/${process.pid}?units=${units}`);
  await response.arrayBuffer();
  if (response.ok) return;
  if (response.status !== 429) throw new Error(`the API answered ${response.status}`);
  const retryAfterMs = Number(response.headers.get("retry-after") ?? 0) * 1_000;
  keeper.ended(job.id, token, { class: "limited", retryAfterMs });
  // Back to where it stood; no attempt is used.
  await job.moveToWait(token);
  throw new WaitingError();
}

for (const tool of Object.keys(tools)) {
  const worker = new Worker(
    tool,
    (job, token) => call(tool, job, token),
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
