import type { RunParts, ToolQueues } from "../../queues/index.ts";

/** A lane that is empty and that nobody has used for so long is dropped. Milliseconds. */
const IDLE_MS = 60_000;

/** Drops the lanes that nobody needs any more, and what the gate kept of them. Returns their names. */
export async function dropLanes(
  { gate }: Pick<RunParts, "gate">,
  queues: ToolQueues,
  idleMs: number = IDLE_MS,
): Promise<{ dropped: readonly string[] }> {
  const dropped = await queues.lanes.dropIdle(idleMs);
  await gate.dropPassedLaneWindows();
  return { dropped };
}
