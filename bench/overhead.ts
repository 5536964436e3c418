/**
 * What Tutti costs on top of BullMQ: `npm run bench:overhead [-- --json] [-- --rounds 7] [-- --concurrency 50]`.
 *
 * Three arms run the same shapes in turn, again and again: *bare* BullMQ flows, the *floor* (the tree
 * that Tutti compiles, with processors that do nothing), and *tutti*. Ratios are taken within a round
 * and their medians shown, because this machine's speed changes from minute to minute.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Redis } from "ioredis";

import { loadConfig } from "../config/index.ts";
import { openRedis } from "../queues/embedded-redis/index.ts";
import { bareArm, CONCURRENCY, floorArm, tuttiArm, type Arm } from "./arms.ts";
import { commitNow } from "./commit.ts";
import { profileOf, type Profile } from "./profile.ts";
import { SHAPES, type Shape } from "./shapes.ts";
import { median, round } from "./statistics.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean" },
    rounds: { type: "string", default: "5" },
    concurrency: { type: "string", default: String(CONCURRENCY) },
    profile: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const ROUNDS = Number(flags.rounds);
const concurrency = Number(flags.concurrency);
/** Rounds before those that count: code of ours is as warm as that of BullMQ, which every arm runs. */
const WARM_UP = 3;
const talk = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

interface ShapeResult {
  readonly shape: string;
  readonly stepsPerSecond: {
    readonly bare: number | null;
    readonly floor: number | null;
    readonly tutti: number | null;
  };
  readonly toFloor: number | null;
  readonly toBare: number | null;
  readonly floorToBare: number | null;
}

async function timed(arm: Arm, shape: Shape): Promise<number> {
  const started = performance.now();
  await arm.run(shape.runs);
  return (shape.runs * shape.dependencies.length * 1_000) / (performance.now() - started);
}

async function throughput(redisUrl: string, shape: Shape): Promise<ShapeResult> {
  const rates = { bare: [] as number[], floor: [] as number[], tutti: [] as number[] };
  for (let turn = -WARM_UP; turn < ROUNDS; turn++) {
    // Every round begins with another arm, so that none always runs on the warmest machine.
    const makers = [bareArm, floorArm, tuttiArm];
    for (let index = 0; index < makers.length; index++) {
      const arm = await makers[(index + turn + 3 * WARM_UP) % 3]!(redisUrl, shape, concurrency);
      const rate = await timed(arm, shape);
      if (turn >= 0) rates[arm.name as keyof typeof rates].push(rate);
      await arm.close();
    }
  }
  const ratio = (a: readonly number[], b: readonly number[]) =>
    round(median(a.map((rate, index) => rate / b[index]!)));
  return {
    shape: shape.name,
    stepsPerSecond: {
      bare: round(median(rates.bare), 0),
      floor: round(median(rates.floor), 0),
      tutti: round(median(rates.tutti), 0),
    },
    toFloor: ratio(rates.tutti, rates.floor),
    toBare: ratio(rates.tutti, rates.bare),
    floorToBare: ratio(rates.floor, rates.bare),
  };
}

/** One chain after another on an idle system: what an edge costs more than in bare BullMQ. */
async function latency(redisUrl: string): Promise<{
  bareMsPerEdge: number | null;
  tuttiMsPerEdge: number | null;
  addedMsPerEdge: number | null;
  samples: number;
}> {
  const length = 10;
  const shape: Shape = {
    name: "chain of 10",
    dependencies: Array.from({ length }, (_, node) => (node === 0 ? [] : [node - 1])),
    runs: 1,
    tree: true,
  };
  const [bare, tutti] = [await bareArm(redisUrl, shape), await tuttiArm(redisUrl, shape)];
  const times = { bare: [] as number[], tutti: [] as number[] };
  for (let turn = 0; turn < 60; turn++) {
    for (const arm of [bare, tutti]) {
      const started = performance.now();
      await arm.run(1);
      if (turn >= 10)
        times[arm.name as keyof typeof times].push((performance.now() - started) / length);
    }
  }
  await bare.close();
  await tutti.close();
  const [bareMs, tuttiMs] = [median(times.bare), median(times.tutti)];
  return {
    bareMsPerEdge: round(bareMs),
    tuttiMsPerEdge: round(tuttiMs),
    addedMsPerEdge: round((tuttiMs ?? 0) - (bareMs ?? 0)),
    samples: times.tutti.length,
  };
}

/** What a step without payload occupies in Redis while it waits and after it ended. Bytes. */
async function memory(
  redisUrl: string,
): Promise<{ pendingBytesPerStep: number; finishedBytesPerStep: number; steps: number }> {
  const shape = SHAPES.at(-1)!;
  const runs = 100;
  const steps = runs * shape.dependencies.length;
  const redis = new Redis(redisUrl);
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info("memory"))![1]);
  const arm = await tuttiArm(redisUrl, shape, concurrency, { workers: false });
  const before = await used();
  await arm.fill!(runs);
  const pending = await used();
  await arm.drain!();
  const finished = await used();
  await arm.close();
  redis.disconnect();
  return {
    pendingBytesPerStep: Math.round((pending - before) / steps),
    finishedBytesPerStep: Math.round((finished - before) / steps),
    steps,
  };
}

const home = mkdtempSync(join(tmpdir(), "tutti-bench-"));
const redis = await openRedis({ ...loadConfig(), home }, { onTalk: talk });
try {
  const loadBefore = loadavg()[0]!;
  const shapes: ShapeResult[] = [];
  for (const shape of SHAPES) {
    talk(`${shape.name} ...`);
    shapes.push(await throughput(redis.url, shape));
  }
  talk("latency ...");
  const idle = await latency(redis.url);
  talk("memory ...");
  const bytes = await memory(redis.url);
  talk("profile ...");
  const profiles: Profile[] = flags.profile
    ? [await profileOf(redis.url, SHAPES[0]!), await profileOf(redis.url, SHAPES.at(-1)!)]
    : [];
  const report = {
    commit: commitNow(),
    rounds: ROUNDS,
    concurrency,
    load: { before: round(loadBefore), after: round(loadavg()[0]!) },
    shapes,
    latency: idle,
    memory: bytes,
    profiles,
  };
  if (flags.json === true) process.stdout.write(`${JSON.stringify(report)}\n`);
  else print(report);
} finally {
  await redis.close();
  rmSync(home, { recursive: true });
}

function print(report: {
  shapes: ShapeResult[];
  latency: object;
  memory: object;
  profiles: Profile[];
  load: object;
  commit: string;
  rounds: number;
}): void {
  const cell = (value: string | number | null, width: number) =>
    String(value ?? "-").padStart(width);
  const lines = [
    `commit ${report.commit}, ${report.rounds} rounds, concurrency ${concurrency}, load average ${JSON.stringify(report.load)}`,
    `${"shape".padEnd(22)}${["bare/s", "floor/s", "tutti/s", "to floor", "to bare", "floor to bare"].map((head) => cell(head, 14)).join("")}`,
    ...report.shapes.map(
      ({ shape, stepsPerSecond: { bare, floor, tutti }, toFloor, toBare, floorToBare }) =>
        `${shape.padEnd(22)}${[bare, floor, tutti, toFloor, toBare, floorToBare].map((value) => cell(value, 14)).join("")}`,
    ),
    `latency on an idle system: ${JSON.stringify(report.latency)}`,
    `Redis memory: ${JSON.stringify(report.memory)}`,
    ...report.profiles.flatMap(({ shape, node, redis: calls }) => [
      `profile of "${shape}", share of Node's time: ${node.map(({ what, share }) => `${what} ${Math.round(share * 100)} %`).join(", ")}`,
      `  Redis time per step: ${calls.map(({ command, microseconds, calls: count }) => `${command} ${microseconds} us (${count} calls)`).join(", ")}`,
    ]),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
