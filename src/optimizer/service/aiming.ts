import type { Target } from "../../../config/index.ts";
import type { Aims } from "../planning/aims.ts";
import { planFor } from "../planning/plan.ts";
import type { OptimizerState } from "../think.ts";
import type { Room, Wish } from "../tuning/adjustment.ts";
import { divide } from "./following.ts";
import { standingsOf } from "./planning.ts";
import type { Recorded } from "./record.ts";

/** A plan for what runs aim at is made so often: what the one before changed has to show first. Windows. */
export const AIM_WINDOWS = 12;
/** Who asks for such a plan. */
const BY = "its runs";

/** Whether it is time to make a plan for what runs aim at: there is something, and nothing is underway. */
export function isTimeToAim({ aims, tuning }: OptimizerState, targets: Aims): boolean {
  return (
    Object.keys(targets).length > 0 &&
    (aims?.windows ?? 0) >= AIM_WINDOWS &&
    tuning.trial === null &&
    (tuning.wishes ?? []).length === 0
  );
}

/**
 * What plans ask for that are made for what runs aim at: of each tool the plan for its own target. Tools that are left
 * alone, because a change of them proved wrong or was taken back by hand, are left alone by this too.
 */
export function wishesFor(
  targets: Aims,
  recorded: Recorded,
  facts: { readonly room: Room; readonly state: OptimizerState },
): Wish[] {
  const { room, state } = facts;
  const standings = standingsOf(recorded, facts);
  const wishes: Wish[] = [];
  for (const target of new Set<Target>(Object.values(targets))) {
    const { asked } = divide(planFor(target, recorded.recording, standings), room);
    for (const { tool, to, why } of asked)
      if (targets[tool] === target && (state.tuning.resting[tool]?.[0] ?? 0) <= 0)
        wishes.push({ tool, to, why, target, by: BY });
  }
  return wishes;
}
