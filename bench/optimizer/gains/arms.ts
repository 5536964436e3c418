import type { LoadName } from "./loads.ts";

/**
 * `bare`: BullMQ alone, as many calls of each tool at once on each machine. `gate`: ours with what the catalogue says,
 * nothing learned, nothing tuned. `optimizer`: all of ours.
 */
export const GAIN_ARMS = ["bare", "gate", "optimizer"] as const;
export type GainArm = (typeof GAIN_ARMS)[number];

/** That calls are shared out over. */
export const MACHINES = 2;

export interface GainOrders {
  readonly redisUrl: string;
  readonly load: LoadName;
  readonly arm: GainArm;
  readonly seed: number;
  /** Share of the work that is done. */
  readonly share: number;
}

export interface Gained {
  readonly load: LoadName;
  readonly arm: GainArm;
  readonly seed: number;
  readonly share: number;
  readonly makespanMs: number;
  readonly runs: number;
  /** Changes that the optimizer made, and how many of them it took back. */
  readonly made: number;
  readonly reverted: number;
}
