import type { Redis } from "ioredis";

import { readJson } from "../../../config/index.ts";
import type { BudgetLimits, Gate, Keys } from "../../../queues/index.ts";
import type { Room, ToolRoom } from "../tuning/adjustment.ts";

const OWN = "tool:";

/** The room of the tools that have a concurrency of their own, as the gate knows it. */
export async function readRoom(redis: Redis, keys: Keys): Promise<Room> {
  const layers = await redis.hgetall(`${keys.gate}.layers:budgets`);
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
    room[tool] = {
      concurrency: set ?? tuned ?? declared,
      ...(tuned === undefined ? {} : { tuned }),
      declared,
      max: maxSlots ?? declared,
      isSet: set !== undefined,
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
    budgets[`${OWN}${tool}`] = { tuned: slots === undefined ? false : { slots } };
    changed.push(tool);
  }
  if (changed.length > 0) await gate.configure({ budgets });
  return changed;
}
