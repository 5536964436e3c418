// One episode on the real stack, in a process of its own. argv: its orders as JSON; says what came of it.
import { setTimeout as pause } from "node:timers/promises";

import type { Tutti } from "../../../src/index.ts";
import { seeded } from "../../../src/optimizer/simulation/random.ts";
import { deploy } from "../world/deployment.ts";
import { Pace } from "../world/pace.ts";
import { Stage } from "../world/stage.ts";
import { ancestorsOf } from "../world/workload.ts";
import { draw, RATE_WINDOW_MS, type Fault } from "./draw.ts";
import type { EpisodeOrders } from "./episodes.ts";
import { played, type Look, type Played } from "./score.ts";

const MACHINES = 2;
/** How often somebody looks at the report. Milliseconds. */
const LOOK_MS = 5_000;
const orders = JSON.parse(process.argv[2]!) as EpisodeOrders;
process.on("disconnect", () => process.exit());
process.send!(await play(orders));
process.exit();

async function play({
  redisUrl,
  what,
  seed,
  faultMs,
  endMs,
  lastMs,
}: EpisodeOrders): Promise<Played> {
  const random = seeded(seed);
  let script = draw(what, random, MACHINES);
  while (script === null) script = draw(what, random, MACHINES);
  const { workload, concurrency } = script;
  const stage = await Stage.open({
    tools: workload.tools,
    machines: MACHINES,
    random: seeded(seed + 7_919),
    concurrency,
  });
  const tutti = await deploy(stage, redisUrl, `{${what}-${seed}}`, MACHINES, workload.classes);
  const startMs = performance.now();
  const pace = new Pace();
  let shift = 1;
  const arrivals = Promise.all(
    workload.perS.map(async (perS, index) => {
      let atMs = 0;
      while (atMs < endMs) {
        atMs += (-Math.log(1 - random()) * 1_000) / (perS * shift);
        await pause(Math.max(0, startMs + atMs - performance.now()));
        await tutti.start(workload.classes[index]!.id);
      }
    }),
  );
  const looks: Look[] = [];
  const use = { used: 0, looks: 0 };
  const isLate = (): boolean => performance.now() - startMs > endMs - lastMs;
  const looking = (async () => {
    for (let atMs = LOOK_MS; atMs <= endMs; atMs += LOOK_MS) {
      await pause(Math.max(0, startMs + atMs - performance.now()));
      const report = await tutti.optimizer.report();
      pace.passed(report === null || report.late !== null);
      if (report === null) continue;
      looks.push({
        atMs: performance.now() - startMs,
        found: report.bottlenecks.map(({ tool, kind, culprit, machine }) => ({
          tool,
          kind,
          culprit,
          machine,
        })),
      });
      const { utilization } = report.metrics;
      if (!isLate()) continue;
      use.used += Math.max(0, ...Object.values(utilization).map((share) => share ?? 0));
      use.looks++;
    }
  })();
  await pause(Math.max(0, startMs + faultMs - performance.now()));
  shift = script.shift;
  for (const fault of script.faults) await apply(fault, stage, tutti, workload.tools);
  await Promise.all([arrivals, looking]);
  const before = ancestorsOf(workload);
  return played({
    pace: pace.end(),
    what,
    seed,
    faultMs,
    endMs,
    lastMs,
    tools: workload.tools.map(({ id }) => id),
    before: before.map((tools) => [...tools]),
    faults: script.faults,
    expected: script.expected,
    hot: use.looks === 0 ? 0 : use.used / use.looks,
    looks,
  });
}

async function apply(
  fault: Fault,
  stage: Stage,
  tutti: Tutti,
  tools: readonly { readonly id: string }[],
): Promise<void> {
  const id = "tool" in fault ? tools[fault.tool]!.id : "";
  switch (fault.kind) {
    case "under_provisioned":
      await tutti.gate.set({ tool: id, concurrency: fault.concurrency });
      return;
    case "rate_limited":
      await tutti.gate.set({
        tool: id,
        rates: [{ max: fault.max, durationMs: RATE_WINDOW_MS }],
      });
      return;
    case "downstream_saturated":
      stage.machines.setKnee(id, fault.knee);
      return;
    case "resource_bound":
      stage.burn(0, [[fault.resource, fault.background]]);
      return;
    case "failing":
      stage.failing.set(id, fault.share);
      return;
    case "stuck_worker":
      stage.stuck.set(id, `m${fault.machine}`);
  }
}
