// What `TUTTI_DURABILITY=strict` costs: `npm run bench:durability [-- --rounds N] [--runs N]`. Prints one JSON object.
// Three deployments beside each other, in turns: standard (everysec), strict (always), strict with a replica. Each step is
// a call of a tool that is not idempotent, so each waits until it is kept that it begins.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Redis } from "ioredis";

import {
  loadConfig,
  parseCatalogue,
  ToolRegistry,
  type DurabilityProfile,
} from "../config/index.ts";
import { findServer, openRedis } from "../queues/embedded-redis/index.ts";
import { Tutti } from "../src/index.ts";
import { startWorker } from "../src/worker.ts";
import { median, round } from "./statistics.ts";

const STEPS = 3;
/** Submissions that are underway at the same time. */
const AT_ONCE = 20;
/** Submissions one after another, of which the time is told. */
const SINGLE = 50;
const PATIENCE_MS = 300_000;

const registry = new ToolRegistry(
  parseCatalogue(
    "tutti: 1\ntools:\n  - { id: pay, name: pay, category: foundation, capabilities: [bench], idempotent: false, binding: { type: in_process } }\n",
    "bench tools",
  ),
);
const document = {
  tutti: 1,
  id: "chain",
  steps: Array.from({ length: STEPS }, (_, index) => ({
    id: `s${index}`,
    tool: "pay",
    ...(index > 0 && { needs: [`s${index - 1}`] }),
  })),
};

interface Arm {
  readonly name: string;
  readonly tutti: Tutti;
  readonly close: () => Promise<void>;
}

async function open(
  name: string,
  durability: DurabilityProfile,
  hasReplica: boolean,
): Promise<Arm> {
  const home = mkdtempSync(join(tmpdir(), "tutti-durability-"));
  const config = { ...loadConfig(), home, durability };
  const redis = await openRedis(config);
  const stopReplica = hasReplica ? await replicate(config, redis.url, home) : async () => {};
  const base = { redisUrl: redis.url, registry, durability, maxRunning: 1_000 };
  const worker = await startWorker({
    ...base,
    handlers: { pay: () => Promise.resolve({}) },
    learning: false,
    optimizer: false,
  });
  const tutti = new Tutti(base);
  return {
    name,
    tutti,
    close: async () => {
      await tutti.close();
      await worker.close();
      await stopReplica();
      await redis.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** A replica that has all that its master has. */
async function replicate(
  config: ReturnType<typeof loadConfig>,
  masterUrl: string,
  home: string,
): Promise<() => Promise<void>> {
  const found = await findServer(config);
  if (!("path" in found)) throw new Error(found.reason);
  const master = new URL(masterUrl);
  // Nobody asks it anything.
  const args = ["--port", "0", "--save", "", "--dir", home];
  args.push("--replicaof", master.hostname, master.port, "--masterauth", master.password);
  const child = spawn(found.path, args, { stdio: "ignore" });
  const admin = new Redis(masterUrl);
  while (!(await admin.info("replication")).includes("state=online"))
    await new Promise((done) => setTimeout(done, 100));
  admin.disconnect();
  return async () => {
    const ended = once(child, "exit");
    child.kill();
    await ended;
  };
}

/** Steps in a second, and the time of one submission alone. Milliseconds. */
async function play(
  { tutti }: Arm,
  runs: number,
): Promise<{ perSecond: number; submitMs: number }> {
  const plan = tutti.prepare(document);
  const since = performance.now();
  let left = runs;
  const ids: string[] = [];
  const submitting = Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) ids.push((await tutti.submit(plan)).runId);
  });
  await Promise.all(submitting);
  await Promise.all(ids.map((id) => tutti.result(id, { timeoutMs: PATIENCE_MS })));
  const perSecond = (runs * STEPS * 1_000) / (performance.now() - since);
  const times: number[] = [];
  for (let index = 0; index < SINGLE; index++) {
    const from = performance.now();
    const { runId } = await tutti.submit(plan);
    times.push(performance.now() - from);
    await tutti.result(runId, { timeoutMs: PATIENCE_MS });
  }
  return { perSecond, submitMs: median(times)! };
}

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    runs: { type: "string", default: "300" },
  },
});
const arms = [
  await open("standard", "standard", false),
  await open("strict", "strict", false),
  await open("strict, a replica", "strict", true),
];
const load = loadavg()[0];
const found = new Map(arms.map(({ name }) => [name, [] as Awaited<ReturnType<typeof play>>[]]));
for (const arm of arms) await play(arm, 50);
for (let turn = 0; turn < Number(values.rounds); turn++)
  for (const arm of arms) found.get(arm.name)!.push(await play(arm, Number(values.runs)));
const base = found.get("standard")!;
const report = arms.map(({ name }) => {
  const all = found.get(name)!;
  return {
    arm: name,
    stepsPerSecond: round(median(all.map(({ perSecond }) => perSecond)), 0),
    ofStandard: round(median(all.map(({ perSecond }, turn) => perSecond / base[turn]!.perSecond))),
    submitMs: round(median(all.map(({ submitMs }) => submitMs))),
  };
});
process.stdout.write(
  `${JSON.stringify({ load, rounds: Number(values.rounds), report }, null, 2)}\n`,
);
for (const arm of arms) await arm.close();
