import { join } from "node:path";
// A process of the fault tests: a worker, or the API. Its calls are told to a Redis that nobody harms.
// argv: the compiled project's folder, "worker" or "api", Redis, the witness, { durability, port, skewMs }.
import { setTimeout as pause } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { skewClock } from "./skewed-clock.mjs";

const [built, kind, redisUrl, witnessUrl, more] = process.argv.slice(2);
const { durability, port, skewMs = 0 } = JSON.parse(more);
skewClock(skewMs);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { parseCatalogue, ToolRegistry } = await load("config/index.js");
const { openPatient } = await load("queues/client.js");

/** How long a call takes. Milliseconds. */
const CALL_MS = 20;
/** All runs of the test at once: none waits for others. */
const MAX_RUNNING = 1_000_000;

const tool = (id, idempotent) =>
  `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: ${idempotent}, binding: { type: in_process } }`;
const registry = new ToolRegistry(
  parseCatalogue(
    ["tutti: 1", "tools:", tool("read", true), tool("pay", false)].join("\n"),
    "fault tools",
  ),
);
const base = {
  redisUrl,
  registry,
  durability,
  maxRunning: MAX_RUNNING,
  retainRuns: MAX_RUNNING,
};
if (kind === "api") {
  const { Tutti } = await load("src/tutti.js");
  const { startServer } = await load("src/server/index.js");
  await startServer({
    tutti: new Tutti(base),
    registry,
    config: { host: "127.0.0.1", port },
  });
} else {
  const witness = openPatient(witnessUrl);
  const { startWorker } = await load("src/worker.js");
  const call = async (_input, { runId, stepId }) => {
    await witness.rpush(stepId, runId);
    await pause(CALL_MS);
    return {};
  };
  await startWorker({ ...base, handlers: { read: call, pay: call } });
}
