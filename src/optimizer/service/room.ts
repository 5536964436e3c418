import { ownerOf, roomOf } from "../../../queues/client.ts";
import {
  fitting,
  MACHINE_UNITS,
  ownBudget,
  type BudgetLimits,
  type Gate,
  type GatedLimits,
} from "../../../queues/index.ts";
import type { Room, ToolRoom } from "../tuning/adjustment.ts";

/**
 * The room of the tools that have a concurrency of their own, as the gate knows it. The bound is what the catalogue says,
 * or as many calls as fit all machines by what each needs, as declared or learned, beside what else runs there.
 */
export async function readRoom(gate: Gate): Promise<Room> {
  const [layers, limits, machines] = await Promise.all([
    gate.budgetLayers(),
    gate.toolLimits(),
    gate.machines(),
  ]);
  // A machine without a bound of its own is not to be filled beyond what it has.
  const bounded = machines.map((one) => ({ ...one, others: one.others ?? MACHINE_UNITS }));
  /** No more than the service behind the tool was seen to carry. */
  const fitOf = ({ needs, cap }: Pick<GatedLimits, "needs" | "cap">): number => {
    const fit = bounded.reduce(
      (sum, machine) => sum + fitting(needs, (resource) => roomOf(machine, resource)),
      0,
    );
    return Number.isFinite(fit) ? Math.min(fit, cap || Infinity) : 0;
  };
  const room: Record<string, ToolRoom> = {};
  for (const [budget, { declared: own, set, tuned }] of layers) {
    const tool = ownerOf(budget);
    const declared = own?.slots;
    if (tool === undefined || declared === undefined) continue;
    const fit = own?.maxSlots === "fit" ? fitOf(limits.get(tool) ?? { needs: {} }) : 0;
    const most = own?.maxSlots === "fit" ? Math.max(declared, fit) : (own?.maxSlots ?? declared);
    room[tool] = {
      // The bound may have come down since, as when a worker with a stricter catalogue came.
      concurrency:
        set?.slots ?? (tuned?.slots === undefined ? declared : Math.min(tuned.slots, most)),
      ...(tuned?.slots === undefined ? {} : { tuned: tuned.slots }),
      declared,
      max: most,
      isSet: set?.slots !== undefined,
    };
  }
  return room;
}

/**
 * Lets the gate go by what tools should have, and names those that were changed. Told again with every pass, so
 * that what was decided comes true also when the process that decided it has died in between. What was raised
 * does not wait below what somebody has set by hand, to come back with the next reset.
 */
export async function converge(
  gate: Gate,
  room: Room,
  desired: Readonly<Record<string, number>>,
): Promise<string[]> {
  const changed: string[] = [];
  const budgets: Record<string, { tuned: BudgetLimits | false }> = {};
  for (const [tool, { declared, isSet, tuned }] of Object.entries(room)) {
    const slots = isSet || desired[tool] === declared ? undefined : desired[tool];
    if (slots === tuned) continue;
    budgets[ownBudget(tool)] = { tuned: slots === undefined ? false : { slots } };
    changed.push(tool);
  }
  if (changed.length > 0) await gate.configure({ budgets });
  return changed;
}
