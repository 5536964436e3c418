// One course on the real stack, in a process of its own. argv: its orders as JSON; says what became of it.
import { setTimeout as pause } from "node:timers/promises";

import { STRATEGY_NAMES } from "../../../config/index.ts";
import type { Tutti } from "../../../src/index.ts";
import type { AuditEntry } from "../../../src/optimizer/service/audit.ts";
import { seeded } from "../../../src/optimizer/simulation/random.ts";
import type { ScenarioClass } from "../../scenarios/definitions.ts";
import { round } from "../../statistics.ts";
import { deploy } from "../world/deployment.ts";
import { Stage } from "../world/stage.ts";
import { chain, randomWorkload, workTool } from "../world/workload.ts";
import type { Coursed, CourseOrders } from "./courses.ts";

const MACHINES = 2;
const STEADY_MS = 600_000;
/** Caps of services that nothing is known of yet open in this time. */
const WARM_UP_MS = 120_000;
const LOOK_MS = 1_000;

/** Caps of services, looked up now and then; resolves at the end. */
async function watchCaps(
  tutti: Tutti,
  tools: readonly string[],
  untilMs: number,
  onCap: (tool: string, cap: number, atMs: number) => void,
): Promise<void> {
  while (performance.now() < untilMs) {
    const shown = await tutti.gate.show();
    for (const { tool, knee } of shown.tools)
      if (tools.includes(tool) && knee !== null) onCap(tool, knee, performance.now());
    await pause(LOOK_MS);
  }
}

/** Starts runs of each workflow at random times, so many a second. */
async function keepComing(
  tutti: Tutti,
  classes: readonly ScenarioClass[],
  perS: readonly number[],
  random: () => number,
  untilMs: number,
): Promise<void> {
  const started: Promise<unknown>[] = [];
  await Promise.all(
    perS.map(async (rate, index) => {
      let dueMs = performance.now();
      for (;;) {
        dueMs -= (Math.log(1 - random()) * 1_000) / rate;
        if (dueMs > untilMs) return;
        await pause(Math.max(0, dueMs - performance.now()));
        // Nobody waits for it: what comes does not come later because an answer does.
        started.push(tutti.start(classes[index]!.id));
      }
    }),
  );
  await Promise.all(started);
}

async function steady({ redisUrl, seed }: CourseOrders): Promise<Coursed> {
  const random = seeded(seed);
  const { tools, classes, perS } = randomWorkload(random, MACHINES, 0.6);
  const stage = await Stage.open({ tools, machines: MACHINES, random: seeded(seed + 7_919) });
  const tutti = await deploy(stage, redisUrl, `{steady-${seed}}`, MACHINES, classes);
  const services = tools.filter(({ isService }) => isService).map(({ id }) => id);
  const fromMs = performance.now() + WARM_UP_MS;
  const untilMs = fromMs + STEADY_MS;
  const courses = new Map(services.map((id) => [id, { last: 0, up: 0, reversals: 0 }]));
  const watching = watchCaps(tutti, services, untilMs, (tool, cap, atMs) => {
    const course = courses.get(tool)!;
    const way = Math.sign(cap - course.last);
    course.last = cap;
    if (way === 0) return;
    if (course.up === -way && atMs > fromMs) course.reversals++;
    course.up = way;
  });
  await Promise.all([watching, keepComing(tutti, classes, perS, random, untilMs)]);
  const history = await tutti.optimizer.history({ limit: 1_000 });
  const minutes = STEADY_MS / 60_000;
  return {
    course: "steady",
    seed,
    minutes,
    adjustments: history.filter(({ event }) => event === "made").length,
    reversalsPerMinute: Object.fromEntries(
      [...courses].map(([id, { reversals }]) => [id, round(reversals / minutes)!]),
    ),
  };
}

const BEFORE = 40;
const AFTER = 10;
const SECONDS = 6;
const FALL_MS = 240_000;
const END_MS = 600_000;

/** A service with more to do than it carries, all the time. */
async function fall({ redisUrl, seed }: CourseOrders): Promise<Coursed> {
  const random = seeded(seed);
  const ask = workTool("ask", [0, 0, 0, 0], SECONDS, true);
  const classes = [chain("w", 0)];
  const ended: number[] = [];
  const stage = await Stage.open({
    tools: [ask],
    machines: MACHINES,
    random: seeded(seed + 7_919),
    onEnded: () => ended.push(performance.now()),
  });
  const tutti = await deploy(stage, redisUrl, `{fall-${seed}}`, MACHINES, classes);
  stage.machines.setKnee(ask.id, BEFORE);
  const startMs = performance.now();
  const fallMs = startMs + FALL_MS;
  const endMs = startMs + END_MS;
  setTimeout(() => stage.machines.setKnee(ask.id, AFTER), FALL_MS);
  let followedMs: number | null = null;
  const watching = watchCaps(tutti, [ask.id], endMs, (_tool, cap, atMs) => {
    if (atMs > fallMs && cap <= 1.5 * AFTER) followedMs ??= atMs;
  });
  const beforeRate = (1.1 * BEFORE) / SECONDS;
  await keepComing(tutti, classes, [beforeRate], random, fallMs);
  await keepComing(tutti, classes, [(1.1 * AFTER) / SECONDS], random, endMs);
  await watching;
  const history = (await tutti.optimizer.history({ limit: 1_000 })).toReversed();
  const audit = history.map(auditLine);
  const moved = history.findLast(({ event }) => event === "learned")?.adjustment;
  if (moved !== undefined) await tutti.optimizer.rollback({ id: moved.id, by: "the bench" });
  const { tools } = await tutti.gate.show();
  const perS = (fromMs: number, untilMs: number): number =>
    (ended.filter((atMs) => atMs > fromMs && atMs <= untilMs).length * 1_000) / (untilMs - fromMs);
  const beforePerS = perS(startMs + WARM_UP_MS, fallMs);
  const afterPerS = perS(fallMs + WARM_UP_MS, endMs);
  return {
    course: "fall",
    seed,
    followedAfterS: followedMs === null ? null : round((followedMs - fallMs) / 1_000, 1),
    beforePerS: round(beforePerS)!,
    fallingPerS: round(perS(fallMs, fallMs + 60_000))!,
    afterPerS: round(afterPerS)!,
    beforeShare: round((beforePerS * SECONDS) / BEFORE)!,
    afterShare: round((afterPerS * SECONDS) / AFTER)!,
    audit,
    rolledBack: moved === undefined ? null : { to: moved.from, cap: tools[0]?.knee ?? null },
  };
}

function auditLine(entry: AuditEntry): string {
  const { tool, what, from, to } = entry.adjustment;
  const said =
    entry.event === "measured" && entry.effect !== null
      ? `${entry.effect.beforePerS.toFixed(1)} -> ${entry.effect.afterPerS.toFixed(1)} calls a second`
      : entry.adjustment.why;
  return `${entry.event} by ${entry.by}: ${what} of ${tool} ${from ?? "none"} -> ${to ?? "none"}, ${said}`;
}

const HOUR_MS = 3_600_000;

/** An hour of a deployment with tools that have too little, too much, and one that fails. */
async function plans({ redisUrl, seed }: CourseOrders): Promise<Coursed> {
  const random = seeded(seed);
  const tools = [
    workTool("answer", [0.1, 0.05, 0, 0], 2),
    workTool("batch", [0.15, 0.1, 0, 0], 4),
    workTool("idle", [0.05, 0.05, 0, 0], 1),
    workTool("shaky", [0.08, 0.05, 0, 0], 2),
  ];
  const classes = [chain("people", 0, 3), chain("night", 2, 1)];
  const stage = await Stage.open({
    tools,
    machines: MACHINES,
    random: seeded(seed + 7_919),
    concurrency: new Map([
      [0, 3],
      [1, 6],
      [2, 12],
      [3, 8],
    ]),
    maxConcurrency: new Map([
      [0, 20],
      [1, 20],
      [3, 20],
    ]),
    importance: new Map([
      [0, "critical"],
      [1, "optional"],
    ]),
  });
  stage.failing.set("shaky", 0.15);
  // Six hundred samples are what plans are made of.
  const options = { sampleIntervalMs: HOUR_MS / 600, optimizeIntervalMs: 30_000 };
  const tutti = await deploy(stage, redisUrl, `{plans-${seed}}`, MACHINES, classes, {
    ...options,
    optimizer: "dry-run",
  });
  const untilMs = performance.now() + HOUR_MS;
  await keepComing(tutti, classes, [1.3, 1.1], random, untilMs);
  const made = await tutti.optimizer.plans({ strategies: [...STRATEGY_NAMES] });
  return { course: "plans", seed, ...made };
}

const orders = JSON.parse(process.argv[2]!) as CourseOrders;
process.on("disconnect", () => process.exit());
const PLAYS = { steady, fall, plans } as const;
process.send!(await PLAYS[orders.course](orders));
process.exit();
