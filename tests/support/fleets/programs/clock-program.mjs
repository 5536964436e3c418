import { join } from "node:path";
// A worker process whose clock is wrong by so many milliseconds.
import { pathToFileURL } from "node:url";

import { skewClock } from "./skewed-clock.mjs";

const [built, redisUrl, prefix, skewMs] = process.argv.slice(2);
skewClock(Number(skewMs));
const load = (path) => import(pathToFileURL(join(built, path)).href);
const { startWorker } = await load("src/worker.js");
const failed = new Set();
await startWorker({
  redisUrl,
  prefix,
  tools: ["core.echo"],
  handlers: {
    "core.echo": async (input, { runId, stepId }) => {
      if (stepId === "flaky" && !failed.has(runId)) {
        failed.add(runId);
        throw new Error("once more");
      }
      return input;
    },
  },
  learning: false,
  sweepIntervalMs: 3_600_000,
});
