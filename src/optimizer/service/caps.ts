import type { Redis } from "ioredis";

import { readJson } from "../../../config/index.ts";
import type { Gate, Keys } from "../../../queues/index.ts";
import type { CapState, LearnedCap } from "../tuning/caps.ts";

/** What the learner keeps of a service, as far as it is told here. */
interface KeptKnee {
  readonly cap: number | null;
  readonly reason: string;
  readonly fit: { readonly knee: number; readonly logBase: number } | null;
}

/** How many calls at once services carry, as the learner of the gate says. */
export async function readCaps(redis: Redis, keys: Keys): Promise<Record<string, LearnedCap>> {
  const text = await redis.get(keys.learned);
  const { knees = {} } = readJson<{ readonly knees?: Record<string, KeptKnee> }>(text ?? "{}");
  return Object.fromEntries(
    Object.entries(knees).map(([tool, { cap, reason, fit }]) => [
      tool,
      {
        cap,
        reason,
        knee: fit?.knee ?? null,
        quietMs: fit === null ? null : Math.exp(fit.logBase),
      },
    ]),
  );
}

/** Lets the gate go by caps that somebody took back, and no more by those whose time is over. */
export async function convergePins(gate: Gate, before: CapState, now: CapState): Promise<void> {
  const names = new Set([...Object.keys(before.pins), ...Object.keys(now.pins)]);
  if (names.size === 0) return;
  const tools: Record<string, { tuned: { cap: number | false } | false }> = {};
  for (const tool of names) {
    const pin = now.pins[tool];
    tools[tool] = { tuned: pin === undefined ? false : { cap: pin.cap ?? false } };
  }
  await gate.configure({ tools });
}
