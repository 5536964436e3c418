import type { Dependencies } from "../graph/dag.ts";

/** How the steps of a run are set going. */
export type Mode = "sequential" | "parallel" | "adaptive" | "pipeline";

/** What the choice of a mode looks at. */
export interface WorkflowShape {
  readonly steps: number;
  /** Most steps that can run at the same time, seen from the dependencies. */
  readonly width: number;
  /** forEach steps that take the items of another one. */
  readonly streamedStages: number;
  /** Steps whose tool has no known limit, rate, resources or budgets: nobody said how much it bears. */
  readonly unlimitedCalls: number;
}

/** A mode and why. */
export interface ModeChoice {
  readonly mode: Mode;
  readonly reason: string;
}

/** From this width on the tools' patience is found out rather than assumed. */
const WIDE = 32;

/** The first row that fits decides. */
export const MODE_RULES: readonly {
  readonly mode: Mode;
  readonly when: string;
  readonly fits: (shape: WorkflowShape) => boolean;
  readonly reason: (shape: WorkflowShape) => string;
}[] = [
  {
    mode: "pipeline",
    when: "a forEach takes the items of another one",
    fits: ({ streamedStages }) => streamedStages > 0,
    reason: ({ streamedStages }) => `${streamedStages} stages take the items of another one`,
  },
  {
    mode: "sequential",
    when: "no two steps can run at the same time",
    fits: ({ width }) => width <= 1,
    reason: () => "no two steps can run at the same time",
  },
  {
    mode: "adaptive",
    when: `at least ${WIDE} calls at once of tools without limits`,
    fits: ({ width, unlimitedCalls }) => Math.min(width, unlimitedCalls) >= WIDE,
    reason: ({ width }) => `${width} steps at once, and nobody said what their tools bear`,
  },
  {
    mode: "parallel",
    when: "anything else",
    fits: () => true,
    reason: ({ width }) => `${width} steps can run at the same time`,
  },
];

/** Chooses the mode of a workflow by its shape. */
export function selectMode(shape: WorkflowShape): ModeChoice {
  const rule = MODE_RULES.find(({ fits }) => fits(shape))!;
  return { mode: rule.mode, reason: rule.reason(shape) };
}

/** The widest level of a graph. */
export function widthOf(levels: Dependencies): number {
  return Math.max(0, ...levels.map((level) => level.length));
}
