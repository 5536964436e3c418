import { round } from "../../statistics.ts";
import { inProcess, severalAtOnce } from "../world/processes.ts";

/** What a tool may do in a world. */
export interface Limits {
  readonly concurrency?: number;
  readonly rates?: readonly { readonly max: number; readonly durationMs: number }[];
}

/** A change whose effect is foretold in one world and measured in another, to which the same comes. */
interface Change {
  readonly before: Limits;
  readonly after: Limits;
  /** Runs a second, of one call of three seconds. */
  readonly perS: number;
}

const rate = (max: number): Limits => ({ rates: [{ max, durationMs: 10_000 }] });

export const CHANGES: readonly Change[] = [
  { before: { concurrency: 2 }, after: { concurrency: 4 }, perS: 1.6 },
  { before: { concurrency: 2 }, after: { concurrency: 3 }, perS: 1.6 },
  { before: { concurrency: 3 }, after: { concurrency: 6 }, perS: 1.6 },
  { before: { concurrency: 4 }, after: { concurrency: 8 }, perS: 2.2 },
  { before: { concurrency: 4 }, after: { concurrency: 5 }, perS: 1.6 },
  { before: { concurrency: 6 }, after: { concurrency: 3 }, perS: 1.6 },
  { before: { concurrency: 8 }, after: { concurrency: 2 }, perS: 1.6 },
  { before: { concurrency: 5 }, after: { concurrency: 30 }, perS: 6 },
  { before: rate(8), after: rate(16), perS: 1.8 },
  { before: rate(15), after: rate(6), perS: 1.2 },
];

export interface WorldOrders {
  readonly redisUrl: string;
  readonly name: string;
  readonly seed: number;
  readonly perS: number;
  readonly limits: Limits;
  /** Foretold at the end. */
  readonly change?: Limits;
}

/** What was measured, or foretold: calls that ended, and mean waiting of those that began. */
export interface Fared {
  readonly ended: number;
  readonly waitS: number;
}

export interface World extends Fared {
  readonly foretold?: { readonly before: Fared; readonly after: Fared } | undefined;
}

/** A change, and how far what was foretold was from what came. */
export interface Predicted {
  readonly change: number;
  readonly before: Fared;
  readonly after: Fared;
  readonly foretold: Fared;
  /** Of the calls that ended under the change, and of their waiting, where that is above half a second: shares. */
  readonly endedError: number;
  readonly waitError: number | null;
}

/** Below this, waiting is made of what the machine happens to do. Seconds. */
const LEAST_WAIT_S = 0.5;

const PLAYER = new URL("prediction-player.js", import.meta.url);

export async function playPredictions(
  redisUrl: string,
  firstSeed: number,
  onPlayed: (predicted: Predicted) => void,
  isPlayed: (change: number) => boolean,
): Promise<void> {
  const all = CHANGES.map((change, index) => ({ ...change, index }));
  const plays = all
    .filter(({ index }) => !isPlayed(index))
    .map(({ before, after, perS, index }) => async () => {
      const shared = { redisUrl, perS, seed: firstSeed + index };
      const orders: WorldOrders = {
        ...shared,
        name: `predict-${index}-a`,
        limits: before,
        change: after,
      };
      const one = await inProcess<World>(PLAYER, orders);
      const other = await inProcess<World>(PLAYER, {
        ...shared,
        name: `predict-${index}-b`,
        limits: after,
      } satisfies WorldOrders);
      if (one.foretold !== undefined) onPlayed(predictedOf(index, one, other, one.foretold.after));
    });
  await severalAtOnce({ size: 2 }, plays);
}

function predictedOf(change: number, before: Fared, after: Fared, foretold: Fared): Predicted {
  const off = (told: number, came: number): number => round(Math.abs(told - came) / came, 3)!;
  return {
    change,
    before: { ended: before.ended, waitS: before.waitS },
    after: { ended: after.ended, waitS: after.waitS },
    foretold,
    endedError: off(foretold.ended, after.ended),
    waitError: after.waitS < LEAST_WAIT_S ? null : off(foretold.waitS, after.waitS),
  };
}

/** Mean errors over all changes. */
export function predictionsOf(all: readonly Predicted[]): {
  readonly endedError: number | null;
  readonly waitError: number | null;
  readonly n: number;
} {
  const mean = (values: readonly (number | null)[]): number | null => {
    const known = values.filter((value) => value !== null);
    return known.length === 0
      ? null
      : round(known.reduce((sum, value) => sum + value, 0) / known.length, 3);
  };
  return {
    endedError: mean(all.map(({ endedError }) => endedError)),
    waitError: mean(all.map(({ waitError }) => waitError)),
    n: all.length,
  };
}
