import { randomFrom } from "../../../support/drawn/random.ts";

/** Times and counts as they come in a simulated service. */
export interface Chance {
  /** Between 0 and 1. */
  next(): number;
  normal(): number;
  /** With this mean and this coefficient of variation. */
  logNormal(mean: number, variation: number): number;
  /** Time to the next event of a Poisson stream. */
  exponential(rate: number): number;
}

/** The same for the same seed. */
export function chance(seed: number): Chance {
  const next = randomFrom(seed);
  // The first numbers of neighboring seeds are neighbors too.
  for (let drawn = 0; drawn < 5; drawn++) next();
  const normal = (): number => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next());
  return {
    next,
    normal,
    logNormal: (mean, variation) => {
      const variance = Math.log(1 + variation * variation);
      return Math.exp(Math.log(mean) - variance / 2 + Math.sqrt(variance) * normal());
    },
    exponential: (rate) => -Math.log(next()) / rate,
  };
}
