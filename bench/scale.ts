// What large and many runs cost: `npm run bench:scale [-- --url redis://...] [--steps N] [--runs N]`.
// Prints one JSON object. Redis is one of its own, so that its memory and its slowest command are these runs' own.
import { randomBytes } from "node:crypto";
import { loadavg } from "node:os";
import { parseArgs } from "node:util";

import { Redis } from "ioredis";
import { pino } from "pino";

import { loadConfig } from "../config/index.ts";
import { openRedis } from "../queues/embedded-redis/index.ts";
import { Tutti } from "../src/index.ts";
import { startWorker } from "../src/worker.ts";
import { registryFor } from "./arms.ts";
import { documentOf, randomDependencies } from "./shapes.ts";
import { median } from "./statistics.ts";

/** A run that takes longer is a failure of its own. Milliseconds. */
const PATIENCE_MS = 600_000;
const MB = 1_000_000;

interface Scale {
  readonly tutti: Tutti;
  readonly redis: Redis;
}

const documentFor = (steps: number): object =>
  documentOf({ name: `${steps}`, dependencies: randomDependencies(steps), runs: 1, tree: false });

async function memory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info("memory"))?.[1]);
}

/** The longest command since the last call. Milliseconds. */
async function slowest(redis: Redis): Promise<{ ms: number; command: string }> {
  const entries = (await redis.slowlog("GET", "50")) as [number, number, number, string[]][];
  await redis.slowlog("RESET");
  const found = entries.map(([, , micros, words]) => ({
    ms: micros / 1_000,
    command: words.slice(0, 1).join(" "),
  }));
  return found.toSorted((a, b) => b.ms - a.ms)[0] ?? { ms: 0, command: "none above 10 ms" };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const since = performance.now();
  await work();
  return performance.now() - since;
}

/** Steps per second of one run of `large` steps over that of runs of 100 steps, in turns. */
async function large({ tutti, redis }: Scale, steps: number, rounds: number): Promise<object> {
  const plan = tutti.prepare(documentFor(steps));
  const small = tutti.prepare(documentFor(100));
  const one = async (which: typeof plan) => {
    const { runId } = await tutti.submit(which);
    await tutti.result(runId, { timeoutMs: PATIENCE_MS });
  };
  await one(small);
  const empty = await memory(redis);
  const ratios: number[] = [];
  const perSecond: number[] = [];
  let peak = 0;
  for (let round = 0; round < rounds; round++) {
    const before = await timed(async () => {
      for (let run = 0; run < 10; run++) await one(small);
    });
    const watch = setInterval(() => {
      void memory(redis).then((used) => (peak = Math.max(peak, used)));
    }, 200);
    const ms = await timed(() => one(plan));
    clearInterval(watch);
    ratios.push(steps / ms / (1_000 / before));
    perSecond.push(Math.round((steps / ms) * 1_000));
  }
  return {
    steps,
    jobs: plan.jobs,
    rounds,
    memoryMb: Math.round((peak - empty) / MB),
    barMb: Math.round((6_000 * steps * rounds) / MB) + 30,
    stepsPerSecond: perSecond,
    ratioToHundredSteps: median(ratios),
    slowestCommand: await slowest(redis),
  };
}

/** Many runs open at once: how much Redis holds, and whether all end. */
async function open(
  { tutti, redis }: Scale,
  runs: number,
  work: () => Promise<unknown>,
): Promise<object> {
  const plan = tutti.prepare(documentFor(10));
  const empty = await memory(redis);
  const ids: string[] = [];
  for (let run = 0; run < runs; run++) ids.push((await tutti.submit(plan)).runId);
  const full = await memory(redis);
  const states = new Map<string, number>();
  const ms = await timed(async () => {
    await work();
    for (const id of ids) {
      const { state } = await tutti.result(id, { timeoutMs: PATIENCE_MS });
      states.set(state, (states.get(state) ?? 0) + 1);
    }
  });
  return {
    runs,
    stepsEach: 10,
    ended: Object.fromEntries(states),
    memoryMb: Math.round((full - empty) / MB),
    barMb: Math.round((6_000 * 10 * runs) / MB) + 30,
    seconds: Math.round(ms / 1_000),
    slowestCommand: await slowest(redis),
  };
}

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "10000" },
    runs: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    cap: { type: "string", default: "10" },
  },
});
const home = `/tmp/tutti-scale-${randomBytes(4).toString("hex")}`;
const server = await openRedis(loadConfig({ TUTTI_HOME: home }));
const redis = new Redis(server.url);
await redis.config("SET", "slowlog-log-slower-than", "10000");
const registry = registryFor(200);
const common = { redisUrl: server.url, prefix: "{scale}", registry };
const start = (maxRunning: number) =>
  startWorker({
    ...common,
    maxRunning,
    handlers: { "bench.noop": () => null },
    log: pino({ level: "silent" }),
  });
const report: Record<string, unknown> = { loadBefore: loadavg()[0] };
{
  const worker = await start(1_000);
  const tutti = new Tutti({ ...common, maxRunning: 1_000 });
  report["large"] = await large({ tutti, redis }, Number(values.steps), Number(values.rounds));
  await worker.close();
  await tutti.close();
}
for (const cap of [Number(values.cap), Number(values.runs)]) {
  await redis.flushall();
  await redis.slowlog("RESET");
  const tutti = new Tutti({ ...common, maxRunning: cap });
  let worker: Awaited<ReturnType<typeof start>> | undefined;
  report[`open, ${cap} at work`] = await open({ tutti, redis }, Number(values.runs), async () => {
    worker = await start(cap);
  });
  await worker?.close();
  await tutti.close();
}
report["loadAfter"] = loadavg()[0];
process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
redis.disconnect();
await server.close();
