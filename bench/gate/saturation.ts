import { setTimeout as pause } from "node:timers/promises";

import { Queue } from "bullmq";
import type { Redis } from "ioredis";

import { round } from "../statistics.ts";
import { bindingUse, Meter } from "./meter.ts";
import type { BenchTool } from "./tools.ts";

export interface Saturation {
  /** The most that any resource of any machine was used at once. */
  readonly maxUse: number;
  /** Mean use of each machine's most used resource while saturated, over machines. */
  readonly meanBindingUse: number;
  readonly bindingUse: Readonly<Record<string, number>>;
  readonly jobs: number;
  readonly finished: number;
  readonly saturatedMs: number;
}

/** Each queue is kept between these many waiting jobs. */
const LEAST_WAITING = 15;
const MOST_WAITING = 30;
const REFILL_MS = 200;
/** Until the machines are full; not counted. Milliseconds. */
const RAMP_MS = 1_000;
/** What waits at the end must be done in this time. Milliseconds. */
const DRAIN_MS = 60_000;

/** Keeps every queue full for `forMs`, then lets all of it end. */
export async function saturate(
  redis: Redis,
  prefix: string,
  tools: readonly BenchTool[],
  machines: readonly string[],
  forMs: number,
): Promise<Saturation> {
  const queues = tools.map(({ id }) => new Queue(id, { connection: redis, prefix }));
  const meters = machines.map((machine) => new Meter(redis, prefix, machine));
  let jobs = 0;
  const refill = async () => {
    await Promise.all(
      queues.map(async (queue) => {
        const waiting = await queue.getWaitingCount();
        if (waiting >= LEAST_WAITING) return;
        const more = MOST_WAITING - waiting;
        jobs += more;
        await queue.addBulk(
          Array.from({ length: more }, () => ({
            name: "call",
            data: {},
            opts: { removeOnComplete: true },
          })),
        );
      }),
    );
  };
  const refillFor = async (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end; await pause(REFILL_MS))
      await refill();
  };
  await refillFor(RAMP_MS);
  const begin = await Promise.all(meters.map((meter) => meter.read()));
  await refillFor(forMs);
  const end = await Promise.all(meters.map((meter) => meter.read()));
  const read = () => Promise.all(meters.map((meter) => meter.read()));
  let last = await read();
  const finishedOf = () => last.reduce((sum, { finished }) => sum + finished, 0);
  for (const until = performance.now() + DRAIN_MS; performance.now() < until;) {
    last = await read();
    if (finishedOf() >= jobs) break;
    await pause(REFILL_MS);
  }
  await Promise.all(queues.map((queue) => queue.close()));
  const uses = machines.map((_, index) => bindingUse(begin[index]!, end[index]!));
  return {
    maxUse: Math.max(...last.map(({ maxUse }) => maxUse)),
    meanBindingUse: round(uses.reduce((sum, use) => sum + use, 0) / uses.length, 3)!,
    bindingUse: Object.fromEntries(machines.map((name, index) => [name, round(uses[index]!, 3)!])),
    jobs,
    finished: finishedOf(),
    saturatedMs: Math.round(end[0]!.timeMs - begin[0]!.timeMs),
  };
}
