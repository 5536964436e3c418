import type { MachineWindow, PlaceWindow, ToolWindow, Window } from "../metrics/window.ts";

/** A tool in a window, in plain numbers: what is kept of windows that have passed. */
export interface ToolDigest extends Omit<ToolWindow, "service" | "wait" | "places"> {
  readonly places: Readonly<Record<string, PlaceWindow>>;
  /** Calls that went well, and their mean and 99th percentile. Milliseconds; null without any. */
  readonly calls: number;
  readonly meanMs: number | null;
  readonly p99Ms: number | null;
  /** Schedule to start: mean, and what 95 of 100 do not exceed. Milliseconds; null without any. */
  readonly waitMs: number | null;
  readonly waitP95Ms: number | null;
}

/** A window in plain numbers. */
export interface Digest {
  readonly atMs: number;
  readonly ms: number;
  readonly tools: Readonly<Record<string, ToolDigest>>;
  readonly machines: Readonly<Record<string, MachineWindow>>;
  /** Runs that were admitted, by the hash of their definition. */
  readonly admitted: Readonly<Record<string, number>>;
}

export function digestOf({ atMs, ms, tools, machines, admitted }: Window): Digest {
  return {
    atMs,
    ms,
    tools: Object.fromEntries([...tools].map(([name, tool]) => [name, toolDigest(tool)])),
    machines: Object.fromEntries(machines),
    admitted,
  };
}

function toolDigest({ service, wait, ...numbers }: ToolWindow): ToolDigest {
  return {
    ...numbers,
    calls: service.count,
    meanMs: service.meanMs,
    p99Ms: service.percentileMs(99),
    waitMs: wait.meanMs,
    waitP95Ms: wait.percentileMs(95),
  };
}
