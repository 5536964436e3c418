// One world with its limits, in a process of its own. argv: its orders as JSON; says how it fared, and what a change would do.
import { setTimeout as pause } from "node:timers/promises";

import { seeded } from "../../../src/optimizer/simulation/random.ts";
import { round } from "../../statistics.ts";
import { deploy } from "../world/deployment.ts";
import { Stage } from "../world/stage.ts";
import type { WorkTool } from "../world/workload.ts";
import type { Fared, World, WorldOrders } from "./predictions.ts";

const MACHINES = 2;
const WORLD_MS = 180_000;
const TOOL: WorkTool = {
  id: "work",
  use: [0.08, 0.05, 0, 0],
  seconds: 3,
  spread: 0.6,
  isService: false,
};

const orders = JSON.parse(process.argv[2]!) as WorldOrders;
process.on("disconnect", () => process.exit());
process.send!(await play(orders));
process.exit();

async function play({ redisUrl, name, seed, perS, limits, change }: WorldOrders): Promise<World> {
  const random = seeded(seed);
  const submitted = new Map<string, number>();
  const counts = { ended: 0, begun: 0, waitMs: 0 };
  let untilMs = Infinity;
  const stage = await Stage.open({
    tools: [TOOL],
    machines: MACHINES,
    random: seeded(seed + 7_919),
    onBegun: (runId) => {
      if (performance.now() > untilMs) return;
      counts.begun++;
      counts.waitMs += performance.now() - submitted.get(runId)!;
    },
    onEnded: () => {
      if (performance.now() <= untilMs) counts.ended++;
    },
  });
  const classes = [{ id: "w", steps: [{ tool: 0, needs: [], times: 1 }] }];
  const tutti = await deploy(stage, redisUrl, `{${name}}`, MACHINES, classes, { optimizer: false });
  await tutti.gate.set({ tool: TOOL.id, ...mutable(limits) });
  const startMs = performance.now();
  untilMs = startMs + WORLD_MS;
  let atMs = 0;
  for (let run = 0; ; run++) {
    atMs -= (Math.log(1 - random()) * 1_000) / perS;
    if (atMs > WORLD_MS) break;
    await pause(Math.max(0, startMs + atMs - performance.now()));
    submitted.set(`r${run}`, performance.now());
    void tutti.start("w", { runId: `r${run}` });
  }
  await pause(Math.max(0, untilMs - performance.now()));
  const fared: Fared = {
    ended: counts.ended,
    waitS: round(counts.waitMs / Math.max(1, counts.begun) / 1_000)!,
  };
  if (change === undefined) return fared;
  const { tools } = await tutti.optimizer.simulate({ tools: { [TOOL.id]: mutable(change) } });
  const told = tools[TOOL.id];
  if (told === undefined) return fared;
  const [before, after] = [told.before, told.after].map(({ ended, meanWaitMs }): Fared => ({
    ended: round(ended, 1)!,
    waitS: round((meanWaitMs ?? 0) / 1_000)!,
  }));
  return { ...fared, foretold: { before: before!, after: after! } };
}

function mutable({ concurrency, rates }: WorldOrders["limits"]) {
  return {
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(rates === undefined ? {} : { rates: rates.map((one) => ({ ...one })) }),
  };
}
