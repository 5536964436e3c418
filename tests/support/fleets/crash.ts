import { sample } from "fast-check";
import { Redis } from "ioredis";
import { expect } from "vitest";

import { isOpen } from "../../../queues/index.ts";
import type { RunView } from "../../../src/runs/view/run-view.ts";
import type { Orchestra } from "../deployment/orchestra.ts";
import { randomDag, type Dag } from "../drawn/dags.ts";
import { randomFrom } from "../drawn/random.ts";
import { crashFleet } from "./fleet.ts";

interface CrashOptions {
  readonly seed: number;
  readonly dags: number;
  /** Most steps of one DAG. */
  readonly steps: number;
  readonly processes: number;
  /** How probable it is that a call kills its worker before its effect, and again after it. */
  readonly deaths: number;
  /** Longest time between two kills from outside, when calls are made meanwhile. Milliseconds. */
  readonly killEveryMs: number;
}

/** What happened, for those who want figures. */
export interface CrashReport {
  readonly kills: number;
  readonly deaths: number;
  readonly starts: number;
  readonly runs: number;
  readonly steps: number;
  readonly calls: number;
  readonly unknown: number;
  readonly lost: number;
  readonly resubmissions: number;
}

/** Every third step is not idempotent, every fifth is a forEach, every fourth runs however the others ended. */
function documentOf(dag: Dag): object {
  return {
    tutti: 1,
    id: "crash",
    steps: dag.map((on, node) => ({
      id: `s${node}`,
      tool: node % 3 === 2 ? "effect" : "probe",
      needs: on.map((before) => `s${before}`),
      ...(node % 4 === 3 ? { join: "settled" } : {}),
      ...(node % 5 === 4
        ? { forEach: "[0, 1, 2, 3]", maxParallel: 2, with: { n: "${{ item }}" } }
        : {}),
    })),
  };
}

/**
 * Runs random DAGs on worker processes that are killed and kill themselves, resubmits the runs all the
 * while, and checks that every run ends, nothing ends twice, and effects are as many as promised.
 */
export async function crash(
  { tutti, redisUrl, prefix }: Orchestra,
  options: CrashOptions,
): Promise<CrashReport> {
  const random = randomFrom(options.seed);
  const dags = sample(randomDag(options.steps), { numRuns: options.dags, seed: options.seed });
  const plans = dags.map((dag) => tutti.prepare(documentOf(dag)));
  const subscriber = new Redis(redisUrl);
  const endings = new Map<string, number>();
  subscriber.on("pmessage", (_pattern: string, channel: string, message: string) => {
    const [kind, shown, record = ""] = message.split("\n");
    const ending = kind === "r" ? isEnd(shown ?? "") : /^[CFSX]/.test(record);
    const key = `${channel} ${kind} ${kind === "r" ? "" : shown}`;
    if (ending) endings.set(key, (endings.get(key) ?? 0) + 1);
  });
  await subscriber.psubscribe(`${prefix}.events:*`);
  await using fleet = crashFleet(options.processes, redisUrl, prefix, options.deaths);
  let resubmissions = 0;
  const trouble: unknown[] = [];
  const submit = (index: number) => tutti.submit(plans[index]!, { runId: `r${index}` });
  await Promise.all(plans.map((_, index) => submit(index)));
  const pester = setInterval(() => {
    resubmissions++;
    submit(Math.floor(random() * plans.length)).catch((thrown: unknown) => trouble.push(thrown));
  }, 50);
  const reader = new Redis(redisUrl);
  const effectsUntilNow = () => reader.llen(`${prefix}.test:effects`);
  let killer: NodeJS.Timeout;
  let over = false;
  let effectsBefore = -1;
  const kill = async (): Promise<void> => {
    const now = await effectsUntilNow();
    // Processes that are always killed before they are up would never get anything done on a slow machine.
    if (now > effectsBefore) fleet.kill(random);
    effectsBefore = now;
  };
  const plan = (): void => {
    killer = setTimeout(
      () => {
        kill()
          .catch((thrown: unknown) => trouble.push(thrown))
          .finally(() => {
            if (!over) plan();
          });
      },
      options.killEveryMs * (0.3 + random()),
    );
  };
  plan();
  let runs: RunView[];
  try {
    runs = await Promise.all(
      plans.map((_, index) => tutti.result(`r${index}`, { timeoutMs: 280_000 })),
    );
  } finally {
    over = true;
    clearTimeout(killer!);
    clearInterval(pester);
  }
  const effects = await reader.lrange(`${prefix}.test:effects`, 0, -1);
  const starts = await reader.llen(`${prefix}.test:starts`);
  subscriber.disconnect();
  reader.disconnect();
  expect(trouble).toEqual([]);
  expect([...endings].filter(([, times]) => times > 1)).toEqual([]);
  const calls = new Map<string, number>();
  for (const effect of effects) calls.set(effect, (calls.get(effect) ?? 0) + 1);
  let unknown = 0;
  let lost = 0;
  const wrong: string[] = [];
  for (const [index, run] of runs.entries()) {
    if (!["completed", "partial", "failed"].includes(run.state))
      wrong.push(`${run.runId}: ${run.state}`);
    for (const [id, step] of Object.entries(run.steps)) {
      const told = `${run.runId} ${id}: ${step.state} ${step.error?.code ?? ""}`;
      // What was never called has no times of a call.
      if ((step.finishedAt ?? step.decidedAt ?? null) === null) wrong.push(told);
      if (plans[index]!.definition.steps[id]?.forEach !== undefined) continue;
      const times = calls.get(`${run.runId} ${id}`) ?? 0;
      const least = step.state === "completed" ? 1 : 0;
      const most = step.state === "skipped" ? 0 : step.tool === "effect" ? 1 : Infinity;
      if (times < least || times > most) wrong.push(`${told}, ${times} effects`);
      if (step.state !== "failed") continue;
      if (step.error?.code === "effect_unknown") unknown++;
      else lost++;
      // Nothing fails here but by the death of workers.
      const expected = step.tool === "effect" ? "effect_unknown" : "worker_lost";
      if (step.error?.code !== expected) wrong.push(told);
    }
    for (const [node, on] of dags[index]!.entries()) {
      const { startedAt } = run.steps[`s${node}`]!;
      for (const before of on)
        if (startedAt! < run.steps[`s${before}`]!.finishedAt!)
          wrong.push(`${run.runId} s${node} began before s${before} had ended`);
    }
  }
  expect(wrong).toEqual([]);
  return {
    kills: fleet.kills,
    deaths: fleet.deaths,
    starts,
    runs: runs.length,
    steps: runs.reduce((sum, run) => sum + Object.keys(run.steps).length, 0),
    calls: effects.length,
    unknown,
    lost,
    resubmissions,
  };
}

const isEnd = (state: string): boolean => !isOpen(state);
