import { Queue } from "bullmq";
import { Redis } from "ioredis";

import { median, round } from "../statistics.ts";
import { bareServer, gatedServer, type ServerOptions } from "./keeper.ts";
import { budgetTool, FREE_TOOL, WIDE_BUDGETS, type BenchTool } from "./tools.ts";

/** What a job that does nothing costs. */
export interface Cost {
  /** Of Node and Redis together. Milliseconds of CPU per job. */
  readonly cpuMs: number;
  readonly nodeMs: number;
  readonly redisMs: number;
  /** Time from the first to the last, over their number. Milliseconds. */
  readonly perJobMs: number;
}

const CONCURRENCY = 50;
/** Rounds before those that count. */
const WARM_UP = 1;
/** Rounds of which a median is worth its name. */
const LEAST_ROUNDS = 3;

let sequence = Date.now() % 1_000_000;

async function redisCpuMs(redis: Redis): Promise<number> {
  const info = await redis.info("cpu");
  const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(info)![1]);
  return 1_000 * (seconds("used_cpu_user") + seconds("used_cpu_sys"));
}

/** One arm's workers take jobs that wait already, and do nothing with them. */
async function once(
  redisUrl: string,
  tool: BenchTool,
  gated: boolean,
  jobs: number,
): Promise<Cost> {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const prefix = `{noop${sequence++}}`;
  const queue = new Queue(tool.id, { connection, prefix });
  await queue.addBulk(Array.from({ length: jobs }, () => ({ name: "call", data: {} })));
  const options: ServerOptions = {
    redisUrl,
    connection,
    prefix,
    machine: "m1",
    process: "m1-p0",
    tools: [tool],
    budgets: WIDE_BUDGETS,
  };
  const server = gated ? await gatedServer(options) : bareServer(options);
  let left = jobs;
  let ended: () => void = () => {};
  const all = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const worker = server.serve(tool, () => Promise.resolve(), {
    concurrency: CONCURRENCY,
    autorun: false,
  });
  worker.on("completed", () => {
    if (--left === 0) ended();
  });
  await worker.waitUntilReady();
  const [since, redisBefore, node] = [
    performance.now(),
    await redisCpuMs(connection),
    process.cpuUsage(),
  ];
  void worker.run();
  await all;
  const spent = process.cpuUsage(node);
  const perJobMs = (performance.now() - since) / jobs;
  const redisMs = ((await redisCpuMs(connection)) - redisBefore) / jobs;
  const nodeMs = (spent.user + spent.system) / 1_000 / jobs;
  await server.close();
  await queue.obliterate({ force: true });
  await queue.close();
  connection.disconnect();
  return { cpuMs: nodeMs + redisMs, nodeMs, redisMs, perJobMs };
}

export interface NoopPlan {
  readonly jobs: number;
  readonly rounds: number;
  /** No more rounds begin after this time. Milliseconds. */
  readonly forMs: number;
}

/** All arms in turn, each round beginning with another. */
async function rounds(
  arms: Readonly<Record<string, () => Promise<Cost>>>,
  plan: NoopPlan,
): Promise<Record<string, Cost[]>> {
  const names = Object.keys(arms);
  const costs: Record<string, Cost[]> = Object.fromEntries(names.map((name) => [name, []]));
  const until = performance.now() + plan.forMs;
  for (let turn = -WARM_UP; turn < plan.rounds; turn++) {
    if (turn >= LEAST_ROUNDS && performance.now() > until) break;
    for (let index = 0; index < names.length; index++) {
      const name = names[(index + turn + WARM_UP) % names.length]!;
      const cost = await arms[name]!();
      if (turn >= 0) costs[name]!.push(cost);
    }
  }
  return costs;
}

/** Jobs per second of a tool without limits, behind the gate and without it. */
export async function ungated(
  redisUrl: string,
  plan: NoopPlan,
): Promise<{ ungatedRatio: number | null; ungatedRounds: number }> {
  const { gated, bare } = await rounds(
    {
      gated: () => once(redisUrl, FREE_TOOL, true, plan.jobs),
      bare: () => once(redisUrl, FREE_TOOL, false, plan.jobs),
    },
    plan,
  );
  const ratios = gated!.map(({ perJobMs }, index) => bare![index]!.perJobMs / perJobMs);
  return { ungatedRatio: round(median(ratios), 3), ungatedRounds: ratios.length };
}

/** What a job costs without a gate, and behind it with a need and 0, 1, 2 and 4 budgets. */
export async function dispatchCosts(
  redisUrl: string,
  plan: NoopPlan,
): Promise<{
  dispatch: Record<string, Record<keyof Cost, number | null>>;
  dispatchRounds: number;
}> {
  const costs = await rounds(
    {
      bare: () => once(redisUrl, FREE_TOOL, false, plan.jobs),
      ...Object.fromEntries(
        [0, 1, 2, 4].map((budgets) => [
          String(budgets),
          () => once(redisUrl, budgetTool(budgets), true, plan.jobs),
        ]),
      ),
    },
    plan,
  );
  const of = (list: readonly Cost[], what: keyof Cost) =>
    round(median(list.map((cost) => cost[what])), 3);
  return {
    dispatch: Object.fromEntries(
      Object.entries(costs).map(([arm, list]) => [
        arm,
        {
          cpuMs: of(list, "cpuMs"),
          nodeMs: of(list, "nodeMs"),
          redisMs: of(list, "redisMs"),
          perJobMs: of(list, "perJobMs"),
        },
      ]),
    ),
    dispatchRounds: costs["bare"]!.length,
  };
}
