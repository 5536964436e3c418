/**
 * What looking costs: a sample of 57 queues with a million jobs in them, and a pass of the optimizer over 57
 * and over 5,000 tools: `npm run bench:sampling [-- --json]`.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Redis } from "ioredis";

import { loadConfig } from "../config/index.ts";
import { type Sample } from "../queues/client.ts";
import { openRedis } from "../queues/embedded-redis/index.ts";
import { Durations, Gate, Keys, Presence, Samples } from "../queues/index.ts";
import { type ToolReading } from "../queues/worker.ts";
import type { Shape, Shapes } from "../src/optimizer/findings/shape.ts";
import { NOTHING_KNOWN, think, type OptimizerState } from "../src/optimizer/think.ts";
import { commitNow } from "./commit.ts";
import { median, quantile, round } from "./statistics.ts";

const { values: flags } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const TOOLS = 57;
const JOBS = 1_000_000;
const PROCESSES = 3;
const ROUNDS = 100;
const CHUNK = 5_000;
const STEPS = 50;

const home = mkdtempSync(join(tmpdir(), "tutti-bench-"));
const server = await openRedis(loadConfig({}, { home }));
const redis = new Redis(server.url);
const keys = new Keys("{sampling}");
const gate = new Gate(redis, keys);
const samples = new Samples(redis, keys, { gate, presence: new Presence(redis, keys) });
const names = Array.from({ length: TOOLS }, (_, n) => `tool${n}`);

/** What a process says of a tool that ended so many calls. */
function readingOf(calls: number): ToolReading {
  const durations = Durations.empty();
  for (let n = 0; n < calls; n++) durations.record(37 * (n + 1));
  const text = durations.encode() ?? "";
  return {
    came: calls,
    began: calls,
    ok: calls,
    failed: 0,
    limited: 0,
    active: 2,
    oldestMs: 300,
    service: text,
    wait: text,
  };
}

async function fill(): Promise<void> {
  const declared = { needs: { cpu: 100_000 }, budgets: [], upstream: "up", importance: 1 } as const;
  await gate.register({ machine: "m", process: "p" }, 3_600_000, { "*": 1_000_000 });
  await gate.configure({ tools: Object.fromEntries(names.map((id) => [id, { declared }])) });
  const each = Math.ceil(JOBS / TOOLS);
  for (const name of names)
    for (let from = 0; from < each; from += CHUNK) {
      const ids = Array.from({ length: Math.min(CHUNK, each - from) }, (_, n) => `j${from + n}`);
      await redis.lpush(`${keys.prefix}:${name}:wait`, ...ids);
    }
}

/** Times of samples, each with the readings of all processes about all tools in it. Milliseconds. */
async function sampling(): Promise<number[]> {
  const tools = Object.fromEntries(names.map((id) => [id, readingOf(20)]));
  await samples.take("bench");
  const times: number[] = [];
  for (let turn = 0; turn < ROUNDS; turn++) {
    for (let n = 0; n < PROCESSES; n++)
      await samples.report({ machine: "m", process: `p${n}`, tools });
    const from = performance.now();
    await samples.take("bench");
    times.push(performance.now() - from);
  }
  return times;
}

/** Times of passes over so many tools that all end so many calls a second. Milliseconds. */
function thinking(count: number, calls: number, rounds: number): number[] {
  const { service, wait } = readingOf(calls);
  const tool: Sample["tools"][string] = {
    waiting: 5,
    active: 2,
    delayed: 0,
    arrivals: calls,
    uncalled: 0,
    ok: calls,
    failed: 0,
    limited: 0,
    blockedMs: { "resource:cpu": 500 },
    places: { m: { ended: calls, active: 2, oldestMs: 300 } },
    servedBy: 1,
    service: service ?? "",
    wait: wait ?? "",
  };
  const tools = Object.fromEntries(Array.from({ length: count }, (_, n) => [`tool${n}`, tool]));
  const machines = { m: { usage: { cpu: 0.5 }, pressure: {}, believed: {}, background: {} } };
  const shapes = shapesOf(Object.keys(tools));
  const admitted = Object.fromEntries(Object.keys(shapes).map((hash) => [hash, 3]));
  const caps = Object.fromEntries(
    Object.keys(tools).map((name) => [name, { cap: 8, changes: [] }]),
  );
  let state: OptimizerState = NOTHING_KNOWN;
  return Array.from({ length: rounds }, (_, pass) => {
    const kept = Array.from({ length: 5 }, (_unused, n) => {
      const atMs = (5 * pass + n) * 1_000;
      return {
        id: `${atMs}-0`,
        sample: { atMs, ms: 1_000, level: 0, tools, machines, admitted },
      };
    });
    const from = performance.now();
    state =
      think(state, kept, { intervalMs: 5_000, room: {}, shapes, canary: null, caps })?.state ??
      state;
    return performance.now() - from;
  });
}

/** Workflows of 50 tools each, one after another. */
function shapesOf(tools: readonly string[]): Shapes {
  const shapes: Record<string, Shape> = {};
  for (let from = 0; from < tools.length; from += STEPS) {
    const own = tools.slice(from, from + STEPS);
    shapes[`workflow${from}`] = {
      visits: Object.fromEntries(own.map((tool) => [tool, 1])),
      before: Object.fromEntries(own.map((tool, at) => [tool, own.slice(0, at)])),
      steps: own.map((tool, at) => [tool, at === 0 ? [] : [at - 1]] as const),
      target: "balanced",
    };
  }
  return shapes;
}

const before = loadavg()[0] ?? 0;
await fill();
const taken = await sampling();
const few = thinking(TOOLS, 20, 40);
const many = thinking(5_000, 5, 8);
const told = (times: readonly number[]) => ({
  p50Ms: round(median(times)),
  p95Ms: round(quantile(times, 0.95)),
  n: times.length,
});
const report = {
  commit: commitNow(),
  waiting: JOBS,
  sample: { tools: TOOLS, processes: PROCESSES, ...told(taken) },
  pass: { [TOOLS]: told(few), 5_000: told(many) },
  load: { before: round(before), after: round(loadavg()[0] ?? 0) },
};
process.stdout.write(
  flags.json ? `${JSON.stringify(report)}\n` : `${JSON.stringify(report, null, 2)}\n`,
);
redis.disconnect();
await server.close();
rmSync(home, { recursive: true, force: true });
