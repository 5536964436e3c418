// A worker process of the gate's tests, on a machine of its own: every tool calls a fake API.
// argv: the compiled project's folder, Redis, prefix, the catalogue, the API, its lock and lease in ms.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [built, redisUrl, prefix, catalogue, apiUrl, lockMs] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { catalogueParts, ToolRegistry, TuttiError } = await load("config/index.js");
const { startWorker } = await load("src/worker.js");

const { tools, budgets } = catalogueParts(catalogue, "test tools");

/** What an HTTP tool does; the path tells the API which run of which process calls. */
const handlerOf =
  (tool) =>
  async ({ units }, { runId, signal }) => {
    const url = `${apiUrl}/${tool}/${runId}/${process.pid}?units=${units}`;
    const response = await fetch(url, { signal });
    await response.arrayBuffer();
    if (response.ok) return null;
    const seconds = response.headers.get("retry-after");
    throw new TuttiError("tool_unavailable", `the API answered ${response.status}`, {
      details: {
        status: response.status,
        ...(seconds === null ? {} : { retryAfterMs: Number(seconds) * 1_000 }),
      },
    });
  };

await startWorker({
  redisUrl,
  prefix,
  registry: new ToolRegistry(tools, budgets),
  tools: tools.map(({ spec }) => spec.id),
  handlers: Object.fromEntries(tools.map(({ spec }) => [spec.id, handlerOf(spec.id)])),
  machine: `m${process.pid}`,
  maxRunning: 1_000_000,
  lockDurationMs: Number(lockMs),
  controlLockDurationMs: Number(lockMs),
  sweepIntervalMs: 3_000,
  retainRuns: 1_000_000,
});
