/**
 * Six loads on four machines, and what becomes of them with BullMQ alone and behind the gate:
 * `npm run bench:scenarios [-- --json] [-- --only S7,S8] [-- --seeds 3] [-- --scale 10] [-- --equal 4]`.
 *
 * Queues, workers and the gate are real; calls are sleeps that take as long as a machine would need which
 * is shared by what runs on it. Times are scaled: at 10, ten minutes take one.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { loadConfig } from "../../config/index.ts";
import { openRedis } from "../../queues/embedded-redis/index.ts";
import { commitNow } from "../commit.ts";
import { round } from "../statistics.ts";
import { SCENARIOS } from "./definitions.ts";
import { ARMS, play, type ArmName, type Played } from "./play.ts";

const { values: flags } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    only: { type: "string" },
    arms: { type: "string" },
    seeds: { type: "string", default: "3" },
    scale: { type: "string", default: "10" },
    equal: { type: "string", default: "4" },
  },
});
const only = flags.only?.split(",");
const arms = ARMS.filter((arm) => flags.arms === undefined || flags.arms.split(",").includes(arm));
const scale = Number(flags.scale);
const talk = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

interface Row extends Played {
  readonly scenario: string;
  readonly arm: ArmName;
}

const mean = (list: readonly Played[], what: keyof Played): number =>
  list.reduce((sum, one) => sum + one[what], 0) / list.length;

const home = mkdtempSync(join(tmpdir(), "tutti-scenarios-"));
const redis = await openRedis({ ...loadConfig(), home }, { onTalk: talk });
const rows: Row[] = [];
const before = loadavg()[0]!;
try {
  for (const scenario of SCENARIOS) {
    if (only !== undefined && !only.includes(scenario.name)) continue;
    const played: Record<ArmName, Played[]> = { equal: [], requirement: [], gate: [] };
    for (let seed = 1; seed <= Number(flags.seeds); seed++)
      for (const arm of arms) {
        const one = await play(scenario, {
          redisUrl: redis.url,
          arm,
          seed,
          scale,
          equal: Number(flags.equal),
        });
        talk(`${scenario.name} ${arm} seed ${seed}: ${JSON.stringify(one)}`);
        played[arm].push(one);
      }
    for (const arm of arms)
      rows.push({
        scenario: scenario.name,
        arm,
        arrived: Math.round(mean(played[arm], "arrived")),
        completed: round(mean(played[arm], "completed"), 1)!,
        meanLatencyS: round(mean(played[arm], "meanLatencyS"))!,
        overCommit: round(mean(played[arm], "overCommit"), 4)!,
      });
  }
} finally {
  await redis.close();
  rmSync(home, { recursive: true });
}
const report = {
  commit: commitNow(),
  scale,
  seeds: Number(flags.seeds),
  equal: Number(flags.equal),
  load: { before: round(before), after: round(loadavg()[0]!) },
  rows,
};
if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
else {
  const cells = (list: readonly unknown[]) => list.map((cell) => String(cell).padEnd(14)).join("");
  const lines = [
    `commit ${report.commit}, ${report.seeds} seeds, ${scale} times faster than written, load average ${report.load.before} before, ${report.load.after} after`,
    cells(["scenario", "arm", "arrived", "completed", "mean s", "over-commit"]),
    ...rows.map((row) =>
      cells([
        row.scenario,
        row.arm,
        row.arrived,
        row.completed,
        row.meanLatencyS,
        `${round(100 * row.overCommit, 1)} %`,
      ]),
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}
