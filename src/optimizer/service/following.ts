import type { Action } from "../planning/plan.ts";
import type { Room } from "../tuning/adjustment.ts";
import type { Plans } from "./planning.ts";

type ToolAction = Extract<Action, { what: "concurrency" }>;

/** A plan that is followed. */
export interface Applied extends Plans {
  /** Changes that the optimizer makes, in this order. */
  readonly asked: readonly ToolAction[];
  /** Changes that are left to people. */
  readonly left: readonly Action[];
}

/** Which changes of a plan the optimizer makes, what frees something first, and which are left to people. */
export function divide(actions: readonly Action[], room: Room): Pick<Applied, "asked" | "left"> {
  const asked: ToolAction[] = [];
  const left: Action[] = [];
  for (const action of actions)
    if (action.what === "concurrency" && room[action.tool]?.isSet === false) asked.push(action);
    else left.push(action);
  const isMore = ({ from, to }: ToolAction): number => (to > (from ?? Infinity) ? 1 : 0);
  return { asked: asked.toSorted((a, b) => isMore(a) - isMore(b)), left };
}
