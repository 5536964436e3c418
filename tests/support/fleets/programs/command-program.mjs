// A worker process that runs real commands.
// argv: the compiled project's folder, Redis, prefix, a catalogue, runs at work at the same time.
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [built, redisUrl, prefix, catalogue, maxRunning] = process.argv.slice(2);
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { loadCatalogue, parseCatalogue, ToolRegistry } = await load("config/index.js");
const { startWorker } = await load("src/worker.js");

await startWorker({
  redisUrl,
  prefix,
  registry: new ToolRegistry([
    ...loadCatalogue().list(),
    ...parseCatalogue(catalogue, "test tools"),
  ]),
  tools: ["test.sleep", "core.sleep"],
  maxRunning: Number(maxRunning),
});
