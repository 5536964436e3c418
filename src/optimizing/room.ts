import type { Redis } from "ioredis";

import { readJson } from "../../config/index.ts";
import type { BudgetLimits, Gate, GateChanges, Keys } from "../../queues/index.ts";
import type { Room, ToolRoom } from "../optimizer/tuning/adjustment.ts";

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
    room[tool] = {
      concurrency: set ?? slotsOf("tuned", tool) ?? declared,
      declared,
      max: maxSlots ?? declared,
      isSet: set !== undefined,
    };
  }
  return room;
}

/**
 * Lets the gate go by what tools should have. Told again with every pass, so that what was decided comes true
 * also when the process that decided it has died in between.
 */
export async function converge(
  gate: Gate,
  room: Room,
  desired: Readonly<Record<string, number>>,
): Promise<void> {
  const budgets: Record<string, { tuned: BudgetLimits | false }> = {};
  for (const [tool, { concurrency, declared, isSet }] of Object.entries(room)) {
    const slots = desired[tool] ?? declared;
    if (isSet || slots === concurrency) continue;
    budgets[`${OWN}${tool}`] = { tuned: slots === declared ? false : { slots } };
  }
  const changes: GateChanges = { budgets };
  if (Object.keys(budgets).length > 0) await gate.configure(changes);
}
