import { seeded } from "../../../src/optimizer/simulation/random.ts";
import { round } from "../../statistics.ts";
import { inProcess, type Task } from "../world/processes.ts";
import { MACHINES, GAIN_ARMS, type Gained, type GainArm, type GainOrders } from "./arms.ts";
import { boundMs } from "./bound.ts";
import { loadOf, type LoadName } from "./loads.ts";

export interface GainsOptions {
  readonly redisUrl: string;
  readonly loads: readonly LoadName[];
  /** Of each load in each arm. */
  readonly pairs: number;
  readonly firstSeed: number;
  /** Share of the work that is done. */
  readonly share: number;
  readonly isPlayed: (load: LoadName, arm: GainArm, seed: number) => boolean;
  readonly onPlayed: (gained: Gained) => void;
}

/** A ratio of two makespans: mean, and where it lies with 95 of 100. */
export interface Ratio {
  readonly ratio: number;
  /** Null with fewer than two pairs. */
  readonly low: number | null;
  readonly high: number | null;
  readonly pairs: number;
}

/** What a load gained. */
export interface LoadGain {
  readonly load: LoadName;
  /** Mean makespans. Seconds. */
  readonly makespanS: Readonly<Record<GainArm, number>>;
  /** No arm could be faster than this (a fluid bound). Seconds. */
  readonly boundS: number;
  /** Of all of ours over BullMQ alone, and over the gate that neither learns nor tunes. */
  readonly toBare: Ratio;
  readonly toGate: Ratio;
  /** Changes of the optimizer in all plays, and those it took back. */
  readonly made: number;
  readonly reverted: number;
}

const PLAYER = new URL("player.js", import.meta.url);

/** Loads in all arms; the arms of a pair follow each other. */
export function gainPlaysOf(options: GainsOptions): Task[] {
  const { redisUrl, loads, pairs, firstSeed, share, isPlayed, onPlayed } = options;
  const orders: GainOrders[] = Array.from({ length: pairs }, (_, pair) =>
    loads.flatMap((load) =>
      GAIN_ARMS.map((arm) => ({ redisUrl, load, arm, seed: firstSeed + pair, share })),
    ),
  )
    .flat()
    .filter(({ load, arm, seed }) => !isPlayed(load, arm, seed));
  return orders.map((order) => async () => {
    onPlayed(await inProcess<Gained>(PLAYER, order));
  });
}

export function gainsOf(all: readonly Gained[], loads: readonly LoadName[]): LoadGain[] {
  return loads.flatMap((load) => {
    const own = all.filter((one) => one.load === load);
    const of = (arm: GainArm, seed: number): number | undefined =>
      own.find((one) => one.arm === arm && one.seed === seed)?.makespanMs;
    const seeds = [...new Set(own.map(({ seed }) => seed))].filter((seed) =>
      GAIN_ARMS.every((arm) => of(arm, seed) !== undefined),
    );
    if (seeds.length === 0) return [];
    const mean = (arm: GainArm): number =>
      round(seeds.reduce((sum, seed) => sum + of(arm, seed)!, 0) / seeds.length / 1_000, 1)!;
    const ratio = (arm: GainArm): Ratio =>
      ratioOf(seeds.map((seed) => of("optimizer", seed)! / of(arm, seed)!));
    const count = (what: "made" | "reverted"): number =>
      own.reduce((sum, one) => sum + one[what], 0);
    return [
      {
        load,
        boundS: boundOf(load, seeds),
        makespanS: { bare: mean("bare"), gate: mean("gate"), optimizer: mean("optimizer") },
        toBare: ratio("bare"),
        toGate: ratio("gate"),
        made: count("made"),
        reverted: count("reverted"),
      },
    ];
  });
}

/** Mean over the seeds. Seconds. */
function boundOf(load: LoadName, seeds: readonly number[]): number {
  const sum = seeds.reduce((all, seed) => all + boundMs(loadOf[load](seeded(seed)), MACHINES), 0);
  return round(sum / seeds.length / 1_000, 1)!;
}

/** Student's t for 95 of 100, by degrees of freedom. */
const T95 = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26];

/** Geometric mean of ratios, with its interval by Student's t on their logarithms. */
export function ratioOf(ratios: readonly number[]): Ratio {
  const logs = ratios.map((ratio) => Math.log(ratio));
  const n = logs.length;
  const mean = logs.reduce((sum, log) => sum + log, 0) / n;
  const pairs = { ratio: round(Math.exp(mean), 3)!, pairs: n };
  if (n < 2) return { ...pairs, low: null, high: null };
  const variance = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (n - 1);
  const width = (T95[n - 2] ?? 1.96) * Math.sqrt(variance / n);
  return {
    ...pairs,
    low: round(Math.exp(mean - width), 3),
    high: round(Math.exp(mean + width), 3),
  };
}
