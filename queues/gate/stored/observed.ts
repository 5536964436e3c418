import { readJson } from "../../../config/index.ts";
import { decodeMachine, type MachineState } from "./machines.ts";
import { mapOf } from "./snapshot.ts";

/** A machine's word about itself that is older says nothing about how it is. Milliseconds. */
export const USAGE_STALE_MS = 15_000;

/** What a machine says of itself: shares of it by resource; null: cannot be read there. */
export interface UsageWord {
  readonly usage: Readonly<Record<string, number | null>>;
  /** Share of time in which work waited for the resource. */
  readonly pressure: Readonly<Record<string, number | null>>;
  /** Time that it is a mean of. */
  readonly windowMs: number;
  /** Mean number of running calls in the very same time, by tool. A worker of an older version does not say it. */
  readonly running?: Readonly<Record<string, number>>;
  /** Redis' clock. Milliseconds. */
  readonly atMs: number;
}

/** For how long each tool has held permits on a machine, in all, at a moment of Redis' clock. Milliseconds. */
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
      // What was counted is forgotten with the last process of a machine.
      Math.max(0, (heldMs - (before.busy[tool] ?? 0)) / ms),
    ]),
  );
}

/** What has happened at the gate for some time. */
export interface Observed {
  readonly now: number;
  /** What machines said of themselves. */
  readonly usage: ReadonlyMap<string, UsageWord>;
  readonly calls: readonly {
    readonly tool: string;
    readonly ms: number;
    /** Calls of the tool that were underway while this one was, itself included: mean over its time, all machines. */
    readonly concurrency: number;
    /** More of them waited. */
    readonly bound: boolean;
    /** It was sent away with a 429. */
    readonly limited: boolean;
    /** Its machine was full meanwhile: that it was slow says nothing about its service. */
    readonly own: boolean;
    readonly atMs: number;
  }[];
  /** Calls that are underway, by tool. */
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
/** {@link Observed} as the script answers it. */
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
  /** Waiting, active and delayed jobs by tool; tools without any are left out. */
  readonly queues: Readonly<Record<string, readonly [number, number, number]>>;
  /** Time that was blocked since ever. Milliseconds. */
  readonly blocked: readonly {
    readonly tool: string;
    readonly label: string;
    readonly ms: number;
  }[];
  readonly machines: ReadonlyMap<string, Pick<MachineState, "used" | "background">>;
  /** What machines said of themselves. */
  readonly usage: ReadonlyMap<string, UsageWord>;
  /** Runs that were admitted since it was called last, by the hash of their definition. */
  readonly admitted: Readonly<Record<string, number>>;
}

/** {@link Seen} as the script answers it. */
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
