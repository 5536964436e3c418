import type { Digest } from "./digest.ts";
import type { Shape, Shapes } from "./shape.ts";

/** How long a run is with a tool now, and how long it would be without what keeps it. Milliseconds. */
export interface ToolTimes {
  /** Waiting for a call and the call itself. */
  readonly nowMs: number;
  /** The call itself, as it usually is. */
  readonly freeMs: number;
}

/**
 * By how much an average run would end earlier if nothing kept a tool, for each that something keeps: the difference
 * of the longest way through each workflow, weighted by how often it was admitted. A tool on a shorter way, whatever
 * waits for it, shortens nothing. Milliseconds; none for tools that no known workflow uses.
 *
 * @param times Of all tools; one that is not among them takes no time.
 */
export function reliefOf(
  bottlenecks: readonly string[],
  times: ReadonlyMap<string, ToolTimes>,
  windows: readonly Digest[],
  shapes: Shapes,
): ReadonlyMap<string, number> {
  const admitted = new Map<string, number>();
  for (const window of windows)
    for (const [hash, runs] of Object.entries(window.admitted))
      if (shapes[hash] !== undefined) admitted.set(hash, (admitted.get(hash) ?? 0) + runs);
  const all = [...admitted.values()].reduce((sum, runs) => sum + runs, 0);
  const savedMs = new Map<string, number>();
  for (const [hash, runs] of admitted) {
    const shape = shapes[hash]!;
    const used = bottlenecks.filter((tool) => tool in shape.visits);
    if (used.length === 0) continue;
    const nowMs = longestWay(shape, times);
    for (const tool of used) {
      const ownMs = runs * (nowMs - longestWay(shape, times, tool));
      savedMs.set(tool, (savedMs.get(tool) ?? 0) + ownMs);
    }
  }
  return new Map([...savedMs].map(([tool, ms]) => [tool, Math.round(ms / all)]));
}

/** `freed`: the tool that nothing keeps. */
function longestWay(
  { steps }: Shape,
  times: ReadonlyMap<string, ToolTimes>,
  freed?: string,
): number {
  const endsMs: number[] = [];
  for (const [tool, needs] of steps) {
    const time = times.get(tool);
    const ownMs = (tool === freed ? time?.freeMs : time?.nowMs) ?? 0;
    endsMs.push(needs.reduce((latest, need) => Math.max(latest, endsMs[need]!), 0) + ownMs);
  }
  return endsMs.reduce((latest, endMs) => Math.max(latest, endMs), 0);
}
