// A worker with a tool of its own. Start it beside examples/submit.ts:
//
//   npx tsx examples/worker.ts
import { fileURLToPath } from "node:url";

import { loadCatalogue, loadConfig, openRedis, TuttiError } from "tutti";
import { startWorker, type ToolHandler } from "tutti/worker";

const CENTS = new Map([
  ["apple", 45],
  ["pear", 60],
]);

/** The input has been checked against the schema in shop.yaml, the output will be. */
const price: ToolHandler = ({ item, pieces }) => {
  const name = typeof item === "string" ? item : "";
  const cents = CENTS.get(name);
  // Terminal: asking again would give the same answer. Anything else that is thrown is tried again.
  if (cents === undefined) throw new TuttiError("tool_failed", `${name} is sold out`);
  return { item: name, cents: cents * Number(pieces) };
};

const config = loadConfig();
const redis = await openRedis(config);
const worker = await startWorker({
  redisUrl: redis.url,
  prefix: config.prefix,
  registry: loadCatalogue({ files: [fileURLToPath(new URL("shop.yaml", import.meta.url))] }),
  handlers: { "shop.price": price },
});
process.stdout.write("working\n");

process.once("SIGTERM", () => void stop()).once("SIGINT", () => void stop());

/** Running steps end first. */
async function stop(): Promise<void> {
  await worker.close();
  await redis.close();
  process.stdout.write("stopped\n");
}
