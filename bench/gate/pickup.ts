import { setTimeout as pause } from "node:timers/promises";

import { Queue } from "bullmq";
import type { Redis } from "ioredis";

import { quantile, round } from "../statistics.ts";
import type { BenchFleet } from "./fleet.ts";
import { randomFrom, type BenchTool } from "./tools.ts";

export interface Pickup {
  readonly pickupP50Ms: number | null;
  readonly pickupP99Ms: number | null;
  readonly barePickupP50Ms: number | null;
  readonly barePickupP99Ms: number | null;
  /** Jobs of each arm. */
  readonly pickups: number;
}

/** Jobs of one arm before it is the other's turn. */
const SLICE = 25;
/** Mean pause between two jobs, which uses a tenth of the machines. Milliseconds. */
const GAP_MS = 25;

/** Jobs come one by one to random queues, first to one arm, then to the other, for `forMs`. */
export async function pickups(
  redis: Redis,
  prefixes: Readonly<Record<string, string>>,
  tools: readonly BenchTool[],
  fleet: BenchFleet,
  { forMs, seed }: { readonly forMs: number; readonly seed: number },
): Promise<Pickup> {
  const random = randomFrom(seed);
  const times: Record<string, number[]> = {};
  const queues: Record<string, readonly Queue[]> = {};
  for (const [arm, prefix] of Object.entries(prefixes)) {
    times[arm] = [];
    queues[arm] = tools.map(({ id }) => new Queue(id, { connection: redis, prefix }));
  }
  let counts = false;
  fleet.onPickup = ({ arm, ms }) => {
    if (counts) times[arm]!.push(ms);
  };
  const slice = async (arm: string) => {
    for (let turn = 0; turn < SLICE; turn++) {
      const queue = queues[arm]![Math.floor(random() * tools.length)]!;
      const addedNs = String(process.hrtime.bigint());
      await queue.add("call", { addedNs }, { removeOnComplete: true });
      await pause(2 * GAP_MS * random());
    }
  };
  const arms = Object.keys(prefixes);
  // What a connection does for the first time takes longer; the first slices are not counted.
  for (const arm of arms) await slice(arm);
  counts = true;
  for (const until = performance.now() + forMs; performance.now() < until;) {
    for (const arm of arms) await slice(arm);
    arms.reverse();
  }
  await pause(500);
  await Promise.all(
    Object.values(queues)
      .flat()
      .map((queue) => queue.close()),
  );
  const { gated = [], bare = [] } = times;
  return {
    pickupP50Ms: round(quantile(gated, 0.5)),
    pickupP99Ms: round(quantile(gated, 0.99)),
    barePickupP50Ms: round(quantile(bare, 0.5)),
    barePickupP99Ms: round(quantile(bare, 0.99)),
    pickups: gated.length,
  };
}
