/**
 * What a worker process costs while nothing happens: `npm run bench:idle [-- --seconds 30]`. All tools of
 * the shipped catalogue are bound to functions that do nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Redis } from "ioredis";

import { loadCatalogue, loadConfig, ToolRegistry } from "../config/index.ts";
import { openRedis } from "../queues/embedded-redis/index.ts";
import { startWorker } from "../src/worker.ts";
import { round } from "./statistics.ts";

const { values: flags } = parseArgs({ options: { seconds: { type: "string", default: "30" } } });
const ms = Number(flags.seconds) * 1_000;
/** Connections and first looks at the queues are no idling. Milliseconds. */
const WARM_UP_MS = 5_000;

const pause = (forMs: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, forMs));

async function callsOf(redis: Redis): Promise<number> {
  return Number(/total_commands_processed:(\d+)/.exec(await redis.info("stats"))?.[1] ?? 0);
}

const home = mkdtempSync(join(tmpdir(), "tutti-bench-"));
const server = await openRedis(loadConfig({}, { home }));
const redis = new Redis(server.url);
const shipped = loadCatalogue().list();
const handlers = Object.fromEntries(shipped.map(({ spec }) => [spec.id, async () => null]));
const registry = new ToolRegistry(
  shipped.map((tool) => ({ ...tool, spec: { ...tool.spec, binding: { type: "in_process" } } })),
);
const worker = await startWorker({ redisUrl: server.url, registry, handlers, machine: "idle" });
await pause(WARM_UP_MS);
const before = { cpu: process.cpuUsage(), calls: await callsOf(redis), at: performance.now() };
await pause(ms);
const cpu = process.cpuUsage(before.cpu);
const wallMs = performance.now() - before.at;
const connections = Number(/connected_clients:(\d+)/.exec(await redis.info("clients"))?.[1]);
process.stdout.write(
  `${JSON.stringify({
    tools: worker.tools.length,
    seconds: round(wallMs / 1_000, 1),
    shareOfACore: round((cpu.user + cpu.system) / 1_000 / wallMs, 4),
    redisCallsPerS: round(((await callsOf(redis)) - before.calls) / (wallMs / 1_000), 1),
    connections,
    load: round(loadavg()[0] ?? 0, 2),
  })}\n`,
);
await worker.close();
redis.disconnect();
await server.close();
rmSync(home, { recursive: true, force: true });
