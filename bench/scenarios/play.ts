import { setTimeout as pause } from "node:timers/promises";

import { Queue, type Job } from "bullmq";
import type { Redis } from "ioredis";

import { Learner } from "../../processors/index.ts";
import { openPatient } from "../../queues/client.ts";
import { Gate, Keys } from "../../queues/index.ts";
import { bareServer, gatedServer, type Server, type ServerOptions } from "../gate/keeper.ts";
import { limitsOf, MILLION, randomFrom, type BenchTool } from "../gate/tools.ts";
import { logNormal } from "../statistics.ts";
import {
  MACHINES,
  RESOURCES,
  type Phase,
  type Scenario,
  type ScenarioTool,
} from "./definitions.ts";
import { Machines } from "./machines.ts";

/** `equal`: as many calls of each tool at once; `requirement`: as many as fit one machine; `gate`: ours. */
export const ARMS = ["equal", "requirement", "gate"] as const;
export type ArmName = (typeof ARMS)[number];

export interface PlayOptions {
  readonly redisUrl: string;
  readonly arm: ArmName;
  readonly seed: number;
  /** So many times faster than the scenario is written. */
  readonly scale: number;
  /** Calls of a tool at once on each machine in the arm `equal`. */
  readonly equal: number;
}

export interface Played {
  readonly arrived: number;
  readonly completed: number;
  /** Mean time from arrival to end, or to the end of the scenario. Seconds of the scenario. */
  readonly meanLatencyS: number;
  /** Share of machine-time with a resource more than 10 % over-committed. */
  readonly overCommit: number;
}

interface Course {
  readonly template: number;
  readonly sinceMs: number;
  endedMs?: number;
  /** Calls that are left of each step. */
  readonly left: number[];
}

interface Call {
  readonly run: number;
  readonly step: number;
  /** How long it takes alone. Milliseconds. */
  readonly ms: number;
}

/** The gate's clock begins here; only differences matter. */
const EPOCH_MS = 1_000_000_000_000;
const LEARN_MS = 5_000;

/**
 * What the product gives the steps of a run (queues/gate/scripts/ranks.ts): each class is a tenant, its runs have the usual
 * priority and their turn.
 */
const rankOf = (template: number, run: number): number =>
  16 + template * 11 * 190 + 6 * 190 + (run % 190);

let sequence = Date.now() % 1_000_000;

/** Plays a scenario once on BullMQ queues: four machines in this process, and one arm's workers on them. */
export async function play(scenario: Scenario, options: PlayOptions): Promise<Played> {
  const { redisUrl, arm, seed, scale } = options;
  const prefix = `{scenario${sequence++}}`;
  const machines = new Machines();
  const connection = openPatient(redisUrl);
  const tools = scenario.tools.map((tool) => toolOf(tool));
  const queues = tools.map(({ id }) => new Queue(id, { connection, prefix }));
  const [arrivalRandom, timeRandom] = [randomFrom(seed), randomFrom(seed + 7_919)];
  const courses: Course[] = [];

  const release = async (run: number, step: number): Promise<void> => {
    const course = courses[run]!;
    const { tool, times } = scenario.classes[course.template]!.steps[step]!;
    const { seconds, spread } = scenario.tools[tool]!;
    const jobs = Array.from({ length: times }, () => ({
      name: "call",
      data: { run, step, ms: logNormal(timeRandom, seconds, spread) * (1_000 / scale) },
      // What the product gives the steps of a run.
      opts: {
        removeOnComplete: true,
        ...(arm === "gate" ? { priority: rankOf(course.template, run) } : {}),
      },
    }));
    await queues[tool]!.addBulk(jobs);
  };
  const ended = async ({ run, step }: Call): Promise<void> => {
    const course = courses[run]!;
    if (--course.left[step]! > 0) return;
    const { steps } = scenario.classes[course.template]!;
    if (course.left.every((left) => left === 0)) course.endedMs = performance.now();
    const next = steps.flatMap(({ needs }, index) =>
      needs.includes(step) && needs.every((before) => course.left[before] === 0) ? [index] : [],
    );
    await Promise.all(next.map((index) => release(run, index)));
  };

  const servers = await Promise.all(
    Array.from({ length: MACHINES }, async (_, machine) => {
      const own: ServerOptions = {
        redisUrl,
        connection: openPatient(redisUrl),
        prefix,
        machine: `m${machine}`,
        process: `m${machine}-p`,
        tools,
        // The gate's time runs as fast as the scenario's.
        now: () => EPOCH_MS + Math.floor(performance.now() * scale),
      };
      const server = arm === "gate" ? await gatedServer(own) : bareServer(own);
      await serve(server, scenario, tools, arm === "equal" ? options.equal : undefined, {
        call: (tool, { ms }) => machines.call(machine, tool, ms),
        ended,
      });
      return { server, connection: own.connection };
    }),
  );

  const learner = arm === "gate" ? learn(connection, prefix, scale) : undefined;
  const startMs = performance.now();
  const totalMs = (scenario.seconds * 1_000) / scale;
  for (const { phase, untilS } of phasesOf(scenario)) {
    for (const { id, knee } of scenario.tools)
      if (knee !== undefined) machines.setKnee(id, phase.knee ?? knee);
    const whole = phase.rates.reduce((sum, rate) => sum + rate, 0);
    let atS = phase.fromS;
    for (;;) {
      atS -= Math.log(1 - arrivalRandom()) / whole;
      if (atS >= untilS) break;
      const template = pick(phase.rates, arrivalRandom() * whole);
      const dueMs = startMs + (atS * 1_000) / scale;
      await pause(Math.max(0, dueMs - performance.now()));
      const run = courses.length;
      const { steps } = scenario.classes[template]!;
      const left = steps.map(({ times }) => times);
      courses.push({ template, sinceMs: dueMs, left });
      for (const [index, { needs }] of steps.entries())
        if (needs.length === 0) void release(run, index);
    }
    await pause(Math.max(0, startMs + (untilS * 1_000) / scale - performance.now()));
  }
  const endMs = startMs + totalMs;
  const overMs = machines.overMs;
  const latencies = courses.map(
    ({ sinceMs, endedMs }) => Math.min(endedMs ?? endMs, endMs) - sinceMs,
  );
  const played = {
    arrived: courses.length,
    completed: courses.filter(({ endedMs }) => endedMs !== undefined && endedMs <= endMs).length,
    meanLatencyS: (latencies.reduce((sum, ms) => sum + ms, 0) / latencies.length / 1_000) * scale,
    overCommit: overMs / (MACHINES * totalMs),
  };
  await learner?.stop();
  // What waits is thrown away; what runs ends first, because workers wait for it.
  await Promise.all(queues.map((queue) => queue.drain()));
  for (const { server, connection: own } of servers) {
    await server.close();
    own.disconnect();
  }
  await Promise.all(queues.map((queue) => queue.close()));
  connection.disconnect();
  return played;
}

async function serve(
  server: Server,
  scenario: Scenario,
  tools: readonly BenchTool[],
  equal: number | undefined,
  does: {
    readonly call: (tool: ScenarioTool, call: Call) => Promise<void>;
    readonly ended: (call: Call) => Promise<void>;
  },
): Promise<void> {
  const workers = tools.map((tool, index) => {
    const processor = ({ data }: Job<Call>) => does.call(scenario.tools[index]!, data);
    const worker = server.serve(tool, processor, equal === undefined ? {} : { concurrency: equal });
    worker.on("completed", (job: Job<Call>) => void does.ended(job.data));
    worker.on("error", (error) => process.stderr.write(`${tool.id}: ${error.message}\n`));
    return worker;
  });
  await Promise.all(workers.map((worker) => worker.waitUntilReady()));
}

/** Makes the passes of the product's learner, as often in the scenario's time as it does in ours. */
function learn(redis: Redis, prefix: string, scale: number): { stop: () => Promise<void> } {
  const keys = new Keys(prefix);
  const now = () => EPOCH_MS + Math.floor(performance.now() * scale);
  const learner = new Learner(redis, keys, new Gate(redis, keys, now));
  let pass: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    pass = pass.then(() => learner.pass());
  }, LEARN_MS / scale);
  return {
    async stop() {
      clearInterval(timer);
      await pass;
    },
  };
}

function toolOf({ id, use, knee, seconds }: ScenarioTool): BenchTool {
  const needs = RESOURCES.flatMap((name, resource) => {
    const share = Math.round(use[resource]! * MILLION);
    return share === 0 ? [] : [[name, share] as const];
  });
  const limits = {
    ...limitsOf(Object.fromEntries(needs)),
    upstream: id,
    serviceMs: seconds * 1_000,
    // What the product does for tools with somebody else's service behind them.
    ...(knee === undefined ? {} : { external: true, cap: 4 }),
  };
  return { id, limits, sleepMs: 0 };
}

function* phasesOf({ phases, seconds }: Scenario): Generator<{ phase: Phase; untilS: number }> {
  for (const [index, phase] of phases.entries())
    yield { phase, untilS: phases[index + 1]?.fromS ?? seconds };
}

/** Which part of the whole a point falls into. */
function pick(parts: readonly number[], point: number): number {
  let left = point;
  const found = parts.findIndex((part) => (left -= part) < 0);
  return found === -1 ? parts.length - 1 : found;
}
