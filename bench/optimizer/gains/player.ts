// One load in one arm, in a process of its own. argv: its orders as JSON; says how long it took.
import { setTimeout as pause } from "node:timers/promises";

import { Queue, Worker } from "bullmq";

import { openPatient } from "../../../queues/client.ts";
import { seeded } from "../../../src/optimizer/simulation/random.ts";
import { deploy } from "../world/deployment.ts";
import { Stage } from "../world/stage.ts";
import { MACHINES, type Gained, type GainOrders } from "./arms.ts";
import { loadOf, type Load, type LoadEvent } from "./loads.ts";

/** Calls of a tool at once on each machine in the arm `bare`. */
const EQUAL = 4;

/** Lets the runs of a load come; resolves when all of them have ended. */
type Player = (stage: Stage, load: Load, startMs: () => number) => Promise<void>;

const orders = JSON.parse(process.argv[2]!) as GainOrders;
process.on("disconnect", () => process.exit());
process.send!(await play(orders));
process.exit();

async function play({ redisUrl, load: name, arm, seed, share }: GainOrders): Promise<Gained> {
  const whole = loadOf[name](seeded(seed));
  const load: Load = {
    ...whole,
    runs: whole.runs.map((one) => ({
      ...one,
      atMs: one.atMs * share,
      count: Math.max(1, Math.round(one.count * share)),
    })),
    events: whole.events.map((one) => ({ ...one, atMs: one.atMs * share })),
  };
  const { concurrency, maxConcurrency, declared } = load;
  const stage = await Stage.open({
    tools: load.tools,
    machines: MACHINES,
    random: seeded(seed + 7_919),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(maxConcurrency === undefined ? {} : { maxConcurrency }),
    ...(declared === undefined ? {} : { declared }),
  });
  const prefix = `{${name}-${arm}-${seed}}`;
  const counts = { made: 0, reverted: 0 };
  const player: Player =
    arm === "bare" ? bare(redisUrl, prefix) : ours(redisUrl, prefix, arm === "optimizer", counts);
  let startMs = 0;
  await player(stage, load, () => {
    startMs = performance.now();
    for (const event of load.events) setTimeout(() => happen(stage, event), event.atMs);
    return startMs;
  });
  const makespanMs = Math.round(performance.now() - startMs);
  const runs = load.runs.reduce((sum, { count }) => sum + count, 0);
  return { load: name, arm, seed, share, makespanMs, runs, ...counts };
}

function happen(stage: Stage, event: LoadEvent): void {
  if ("knee" in event) stage.machines.setKnee(event.service, event.knee);
  else stage.burn(event.machine, [...event.background.entries()]);
}

function ours(
  redisUrl: string,
  prefix: string,
  optimizer: boolean,
  counts: { made: number; reverted: number },
): Player {
  return async (stage, load, start) => {
    const options = { learning: optimizer, optimizer };
    const tutti = await deploy(stage, redisUrl, prefix, MACHINES, load.classes, options);
    const startMs = start();
    const runs = await Promise.all(
      load.runs.map(async ({ at, atMs, count }) => {
        await pause(Math.max(0, startMs + atMs - performance.now()));
        return Promise.all(Array.from({ length: count }, () => tutti.start(load.classes[at]!.id)));
      }),
    );
    const ends = runs.flat().map(async ({ runId }) => {
      for await (const event of tutti.watch(runId)) void event;
    });
    await Promise.all(ends);
    const history = optimizer ? await tutti.optimizer.history({ limit: 1_000 }) : [];
    counts.made = history.filter(({ event }) => event === "made").length;
    counts.reverted = history.filter(
      (entry) => entry.event === "judged" && entry.verdict === "reverted",
    ).length;
  };
}

interface Call {
  readonly run: number;
  readonly step: number;
}

function bare(redisUrl: string, prefix: string): Player {
  return async (stage, { tools, classes, runs: coming }, start) => {
    const connection = openPatient(redisUrl);
    const queues = tools.map(({ id }) => new Queue(id, { connection, prefix }));
    const runs: { readonly at: number; readonly ended: Set<number> }[] = [];
    const all = coming.reduce((sum, { count }) => sum + count, 0);
    let over = 0;
    let resolve: () => void = () => {};
    const promise = new Promise<void>((done) => {
      resolve = done;
    });
    const release = (run: number, step: number): Promise<unknown> => {
      const { tool } = classes[runs[run]!.at]!.steps[step]!;
      return queues[tool]!.add("call", { run, step } satisfies Call, { removeOnComplete: true });
    };
    const ended = async ({ run, step }: Call): Promise<void> => {
      const { at, ended: done } = runs[run]!;
      const { steps } = classes[at]!;
      done.add(step);
      if (done.size === steps.length && ++over === all) resolve();
      await Promise.all(
        steps.map(async ({ needs }, index) => {
          if (needs.includes(step) && needs.every((need) => done.has(need)))
            await release(run, index);
        }),
      );
    };
    const workers = Array.from({ length: MACHINES }, (_, machine) =>
      tools.map((tool) => {
        const worker = new Worker<Call>(tool.id, () => stage.call(tool, machine), {
          connection,
          prefix,
          concurrency: EQUAL,
        });
        worker.on("completed", (job) => void ended(job.data));
        worker.on("error", (error) => process.stderr.write(`${error.message}\n`));
        return worker;
      }),
    ).flat();
    await Promise.all(workers.map((worker) => worker.waitUntilReady()));
    const startMs = start();
    const come = async ({ at, atMs, count }: Load["runs"][number]): Promise<void> => {
      await pause(Math.max(0, startMs + atMs - performance.now()));
      for (let n = 0; n < count; n++) {
        const run = runs.push({ at, ended: new Set() }) - 1;
        for (const [index, { needs }] of classes[at]!.steps.entries())
          if (needs.length === 0) void release(run, index);
      }
    };
    await Promise.all(coming.map(come));
    await promise;
  };
}
