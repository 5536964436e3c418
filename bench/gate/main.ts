/**
 * What the gate promises and what it costs: `npm run bench:gate [-- --json] [-- --quick] [-- --rounds N]`.
 *
 * Four parts on a Redis of their own. *Saturation*: 46 queues, two machines, three worker processes, true
 * use counted inside the processors. *Pickup*: the same workers with room, beside workers without the
 * gate, in slices. *Ungated*: throughput of a tool without limits over bare BullMQ's, in turns.
 * *Dispatch*: what a job costs with 0, 1, 2 and 4 budgets.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Redis } from "ioredis";

import { loadConfig } from "../../config/index.ts";
import { openRedis } from "../../queues/embedded-redis/index.ts";
import { commitNow } from "../commit.ts";
import { round } from "../statistics.ts";
import { BenchFleet } from "./fleet.ts";
import { dispatchCosts, ungated } from "./noop.ts";
import { pickups } from "./pickup.ts";
import { print, type GateReport } from "./print.ts";
import { saturate } from "./saturation.ts";
import { mixedTools } from "./tools.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    /** All of it within 55 seconds: less time for each part. */
    quick: { type: "boolean", default: false },
    /** Rounds of the parts that take turns. */
    rounds: { type: "string" },
    seed: { type: "string", default: "4" },
  },
});
const TOOLS = 46;
/** Two processes share the first machine. */
const MACHINES = ["m1", "m1", "m2"];
const seed = Number(flags.seed);
const plan = flags.quick
  ? {
      saturatedMs: 12_000,
      pickupMs: 7_000,
      free: { jobs: 4_000, rounds: 7, forMs: 5_000 },
      dispatch: { jobs: 600, rounds: 3, forMs: 4_000 },
    }
  : {
      saturatedMs: 60_000,
      pickupMs: 60_000,
      free: { jobs: 10_000, rounds: 9, forMs: 120_000 },
      dispatch: { jobs: 4_000, rounds: 9, forMs: 120_000 },
    };
const asked = flags.rounds === undefined ? {} : { rounds: Number(flags.rounds) };
const talk = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

/** The parts that need worker processes. */
async function played(redisUrl: string) {
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const prefixes = { gated: "{gate}", bare: "{bare}" };
  const tools = mixedTools(TOOLS, seed);
  talk("worker processes ...");
  const fleet = await BenchFleet.open(MACHINES, { redisUrl, prefixes, tools: TOOLS, seed });
  try {
    talk(`saturation, ${plan.saturatedMs / 1_000} s ...`);
    const machines = [...new Set(MACHINES)];
    const full = await saturate(redis, prefixes.gated, tools, machines, plan.saturatedMs);
    talk(`pickup, ${plan.pickupMs / 1_000} s ...`);
    const room = await pickups(redis, prefixes, tools, fleet, { forMs: plan.pickupMs, seed });
    return { ...full, ...room };
  } finally {
    await fleet.close();
    redis.disconnect();
    if (fleet.stuck > 0) talk(`${fleet.stuck} worker processes did not close and were killed`);
  }
}

const home = mkdtempSync(join(tmpdir(), "tutti-bench-"));
const redis = await openRedis({ ...loadConfig(), home }, { onTalk: talk });
try {
  const before = loadavg()[0]!;
  const parts = await played(redis.url);
  talk("ungated throughput ...");
  const free = await ungated(redis.url, { ...plan.free, ...asked });
  talk("dispatch cost ...");
  const { dispatch, dispatchRounds } = await dispatchCosts(redis.url, {
    ...plan.dispatch,
    ...asked,
  });
  const report: GateReport = {
    ...parts,
    ...free,
    dispatchCostMs: Object.fromEntries(
      Object.entries(dispatch).flatMap(([arm, { cpuMs }]) =>
        arm === "bare" ? [] : [[arm, cpuMs]],
      ),
    ),
    dispatch,
    commit: commitNow(),
    quick: flags.quick,
    seed,
    samples: {
      jobs: parts.jobs,
      pickups: parts.pickups,
      ungatedRounds: free.ungatedRounds,
      dispatchRounds,
      ungatedJobs: plan.free.jobs,
      dispatchJobs: plan.dispatch.jobs,
    },
    load: { before: round(before), after: round(loadavg()[0]!) },
  };
  process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : print(report));
} finally {
  await redis.close();
  rmSync(home, { recursive: true });
}
