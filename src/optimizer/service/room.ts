import type { Redis } from "ioredis";

import { readJson } from "../../../config/index.ts";
import {
  MACHINE_UNITS,
  type BudgetLimits,
  type Gate,
  type GatedLimits,
  type Keys,
} from "../../../queues/index.ts";
import type { Room, ToolRoom } from "../tuning/adjustment.ts";

const OWN = "tool:";

/**
 * The room of the tools that have a concurrency of their own, as the gate knows it. The bound is what the catalogue says,
 * or as many calls as fit all machines by what each needs, as declared or learned, beside what else runs there.
 */
export async function readRoom(redis: Redis, keys: Keys): Promise<Room> {
  const { gate } = keys;
  const [layers, limits, names] = await Promise.all([
    redis.hgetall(`${gate}.layers:budgets`),
    redis.hgetall(`${gate}.tools`),
    redis.smembers(`${gate}.machines`),
  ]);
  const machines = await Promise.all(names.map((name) => redis.hgetall(`${gate}.machine:${name}`)));
  const slotsOf = (layer: string, tool: string): number | undefined => {
    const text = layers[`${layer}:${OWN}${tool}`];
    return text === undefined ? undefined : readJson<BudgetLimits>(text).slots;
  };
  const mark = `declared:${OWN}`;
  const room: Record<string, ToolRoom> = {};
  for (const [field, text] of Object.entries(layers)) {
    if (!field.startsWith(mark)) continue;
    const tool = field.slice(mark.length);
    const { slots: declared, maxSlots } = readJson<BudgetLimits>(text);
    if (declared === undefined) continue;
    const set = slotsOf("set", tool);
    const tuned = slotsOf("tuned", tool);
    const known = readJson<Partial<GatedLimits>>(limits[tool] ?? "{}");
    const max = maxSlots === "fit" ? Math.max(declared, fitOf(known, machines)) : maxSlots;
    const most = max ?? declared;
    room[tool] = {
      // The bound may have come down since, as when a worker with a stricter catalogue came.
      concurrency: set ?? (tuned === undefined ? declared : Math.min(tuned, most)),
      ...(tuned === undefined ? {} : { tuned }),
      declared,
      max: most,
      isSet: set !== undefined,
    };
  }
  return room;
}

type Machine = Readonly<Record<string, string>>;

/** Calls that fit all machines at once; no more than the service behind the tool was seen to carry. */
function fitOf({ needs = {}, cap }: Partial<GatedLimits>, machines: readonly Machine[]): number {
  const fits = machines.map((machine) =>
    Math.min(
      ...Object.entries(needs).map(([resource, units]) => {
        const capacity = Number(machine[`c:${resource}`] ?? machine["c:*"] ?? MACHINE_UNITS);
        // A machine without a bound of its own is not to be filled beyond what it has.
        const whole = capacity < 0 ? MACHINE_UNITS : capacity;
        return Math.max(0, Math.floor((whole - Number(machine[`b:${resource}`] ?? 0)) / units));
      }),
    ),
  );
  const fit = fits.reduce((sum, one) => sum + one, 0);
  return Number.isFinite(fit) ? Math.min(fit, cap || Infinity) : 0;
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
    budgets[`${OWN}${tool}`] = { tuned: slots === undefined ? false : { slots } };
    changed.push(tool);
  }
  if (changed.length > 0) await gate.configure({ budgets });
  return changed;
}
