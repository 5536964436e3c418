import type { Redis } from "ioredis";

import { readJson } from "../../../config/index.ts";
import type { KneeState } from "../../../processors/index.ts";
import type { Gate, Keys } from "../../../queues/index.ts";
import type { CapState, LearnedCap } from "../tuning/caps.ts";

/** How many calls at once services carry, as the learner of the gate says. */
export async function readCaps(redis: Redis, keys: Keys): Promise<Record<string, LearnedCap>> {
  const text = await redis.get(keys.learned);
  const { knees = {} } = readJson<{
    readonly knees?: Record<string, Pick<KneeState, "cap"> & Partial<KneeState>>;
  }>(text ?? "{}");
  return Object.fromEntries(
    Object.entries(knees).flatMap(([tool, { cap, changes }]) =>
      // What an older version kept is none of ours; the learner replaces it with its next pass.
      changes === undefined ? [] : [[tool, { cap: heldOf(cap, changes), changes }]],
    ),
  );
}

/** The cap that holds: with what 429s leave of it. */
const heldOf = (cap: number | null, changes: KneeState["changes"]): number | null => {
  const last = changes.at(-1);
  return last === undefined ? cap : last.to;
};

/**
 * Lets the gate go by caps that somebody took back, and by no others. Told again with every pass, so that what was decided
 * comes true also when the process that decided it has died, or was overtaken, in between.
 */
export async function convergePins(gate: Gate, pins: CapState["pins"]): Promise<void> {
  const tools: Record<string, { tuned: { cap: number | false } | false }> = {};
  for (const tool of await gate.toolsIn("tuned")) tools[tool] = { tuned: false };
  for (const [tool, { cap }] of Object.entries(pins))
    tools[tool] = { tuned: { cap: cap ?? false } };
  if (Object.keys(tools).length > 0) await gate.configure({ tools });
}
