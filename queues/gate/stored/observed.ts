import { readJson } from "../../../config/index.ts";
import { decodeMachine, type MachineState } from "./machines.ts";
import { mapOf } from "./snapshot.ts";

/** A machine's report older than this says nothing about its current state. Milliseconds. */
export const USAGE_STALE_MS = 15_000;

/** A machine's report about itself: shares of it by resource; null: not readable there. */
export interface UsageWord {
  readonly usage: Readonly<Record<string, number | null>>;
  /** Share of time in which work waited for the resource. */
  readonly pressure: Readonly<Record<string, number | null>>;
  /** Length of time that the means cover. */
  readonly windowMs: number;
  /** Mean number of running calls in the same time, by tool. Workers of older versions do not report it. */
  readonly running?: Readonly<Record<string, number>>;
  /** Redis' clock. Milliseconds. */
  readonly atMs: number;
}

/** How long each tool has held permits on a machine in total, at a moment of Redis' clock. Milliseconds. */
export interface Busy {
  readonly now: number;
  readonly busy: Readonly<Record<string, number>>;
}

/** Mean number of running calls between two moments, by tool. */
export function runningBetween(before: Busy, after: Busy): Record<string, number> {
  const ms = after.now - before.now;
  if (ms <= 0) return {};
  return Object.fromEntries(
    Object.entries(after.busy).map(([tool, heldMs]) => [
      tool,
      // The counts are forgotten with the last process of a machine.
      Math.max(0, (heldMs - (before.busy[tool] ?? 0)) / ms),
    ]),
  );
}

/** What happened at the gate over some time. */
export interface Observed {
  readonly now: number;
  /** What machines reported about themselves. */
  readonly usage: ReadonlyMap<string, UsageWord>;
  readonly calls: readonly {
    readonly tool: string;
    readonly ms: number;
    /** Mean number of calls of the tool underway during this one, itself included, on all machines. */
    readonly concurrency: number;
    /** More of its calls waited. */
    readonly bound: boolean;
    /** The service refused it with a 429. */
    readonly limited: boolean;
    /** Its machine was full, so its slowness says nothing about its service. */
    readonly own: boolean;
    readonly atMs: number;
  }[];
  /** Calls underway, by tool. */
  readonly running: Readonly<Record<string, number>>;
}

type CallSample = [
  tool: string,
  ms: number,
  concurrency: number,
  bound: number,
  end: string,
  atMs: number,
  own: number,
];
/** {@link Observed} as the script returns it. */
export type ObservedTexts = Pick<Observed, "now"> & {
  readonly usage: Readonly<Record<string, string>>;
  readonly calls: readonly string[];
  readonly running: Readonly<Record<string, string>>;
};

export function observedOf({ now, usage, calls, running }: ObservedTexts): Observed {
  return {
    now,
    usage: mapOf(usage, readJson<UsageWord>),
    running: Object.fromEntries(Object.entries(running).map(([tool, n]) => [tool, Number(n)])),
    calls: Object.values(calls).map((text) => {
      const [tool, ms, concurrency, bound, end, atMs, own] = readJson<CallSample>(text);
      const limited = end === "limited";
      return { tool, ms, concurrency, bound: bound === 1, limited, own: own === 1, atMs };
    }),
  };
}

/** Queues and machines at one moment. */
export interface Seen {
  readonly now: number;
  readonly level: number;
  /** Waiting, active and delayed jobs by tool. Tools with none are left out. */
  readonly queues: Readonly<Record<string, readonly [number, number, number]>>;
  /** Total blocked time. Milliseconds. */
  readonly blocked: readonly {
    readonly tool: string;
    readonly label: string;
    readonly ms: number;
  }[];
  readonly machines: ReadonlyMap<string, Pick<MachineState, "used" | "background">>;
  /** What machines reported about themselves. */
  readonly usage: ReadonlyMap<string, UsageWord>;
  /** Runs admitted since the last call, by the hash of their definition. */
  readonly admitted: Readonly<Record<string, number>>;
}

/** {@link Seen} as the script returns it. */
export type SeenTexts = Omit<Seen, "blocked" | "machines" | "usage"> & {
  readonly blocked: Readonly<Record<string, number>>;
  readonly machines: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly usage: Readonly<Record<string, string>>;
};

export function seenOf({ blocked, machines, usage, ...seen }: SeenTexts): Seen {
  return {
    ...seen,
    blocked: Object.entries(blocked).map(([field, ms]) => {
      const [tool = "", label = ""] = field.split("\n");
      return { tool, label, ms };
    }),
    machines: mapOf(machines, decodeMachine),
    usage: mapOf(usage, readJson<UsageWord>),
  };
}
