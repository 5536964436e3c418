import type { Target } from "../../../config/index.ts";

/** What follows from a target. */
export interface Goal {
  /**
   * Calls at once beyond the mean that are needed, in square roots of it, by importance (square-root staffing: S. Halfin
   * and W. Whitt 1981). More of them wait less and are idle more.
   */
  readonly reserve: Readonly<Record<"critical" | "essential" | "optional", number>>;
  /** What waits has to be worked off in this time. Milliseconds. */
  readonly drainMs: number;
  /** Machines that may fail without anything else having to wait. */
  readonly spareMachines: number;
  /** Whether machines that are not needed are given back, and those that are missing asked for. */
  readonly machines: "as they are" | "fewest" | "enough";
  /** Tools are given less than they have where they do not use it. */
  readonly takesBack: boolean;
  /** A tool of which a larger share of calls fails is called half as much at once; null: never. */
  readonly easesAbove: number | null;
}

const S = 1_000;
const alike = (reserve: number): Goal["reserve"] => ({
  critical: reserve,
  essential: reserve,
  optional: reserve,
});

export const GOALS: Readonly<Record<Target, Goal>> = {
  /** As much as can be done, as soon as can be. */
  performance: {
    reserve: alike(2),
    drainMs: 60 * S,
    spareMachines: 0,
    machines: "enough",
    takesBack: false,
    easesAbove: null,
  },
  /** Nothing idle. */
  efficiency: {
    reserve: alike(0.25),
    drainMs: 900 * S,
    spareMachines: 0,
    machines: "fewest",
    takesBack: true,
    easesAbove: null,
  },
  /** Goes on when a machine fails, and spares what fails. */
  reliability: {
    reserve: alike(1.5),
    drainMs: 300 * S,
    spareMachines: 1,
    machines: "enough",
    takesBack: false,
    easesAbove: 0.1,
  },
  /** As few machines as get the work done within a quarter of an hour. */
  cost: {
    reserve: alike(0),
    drainMs: 900 * S,
    spareMachines: 0,
    machines: "fewest",
    takesBack: false,
    easesAbove: null,
  },
  /** What people wait for does not wait; the rest gets what is left. */
  user_experience: {
    reserve: { critical: 3, essential: 2, optional: -0.5 },
    drainMs: 30 * S,
    spareMachines: 0,
    machines: "as they are",
    takesBack: true,
    easesAbove: null,
  },
  balanced: {
    reserve: alike(1),
    drainMs: 300 * S,
    spareMachines: 0,
    machines: "as they are",
    takesBack: false,
    easesAbove: 0.1,
  },
};
