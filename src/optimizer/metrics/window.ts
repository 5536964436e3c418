import { type Sample } from "../../../queues/client.ts";
import { Durations } from "../../../queues/index.ts";

/** A tool on a machine, in a window. */
export interface PlaceWindow {
  /** Calls that ended. */
  readonly ended: number;
  /** Calls underway at its end, and for how long the oldest of them. Milliseconds. */
  readonly active: number;
  readonly oldestMs: number;
}

/** A tool in a window. */
export interface ToolWindow {
  /** Jobs in its queues at its end. */
  readonly waiting: number;
  /** Mean number of jobs underway. */
  readonly active: number;
  readonly arrivals: number;
  readonly ok: number;
  readonly failed: number;
  /** Idempotent calls without a cache, and those among them that were made before with the same input. */
  readonly checked: number;
  readonly repeated: number;
  /** Share of the samples in which jobs waited. */
  readonly busy: number;
  /** Share of its time in which its queues were refused, by what kept them, as a mean over the machines that serve it. */
  readonly blocked: Readonly<Record<string, number>>;
  readonly places: Readonly<Record<string, PlaceWindow>>;
  readonly servedBy: number;
  readonly service: Durations;
  readonly wait: Durations;
}

/** A machine in a window: means of its samples; null: not one of them knows. */
export interface MachineWindow {
  readonly usage: Readonly<Record<string, number | null>>;
  readonly pressure: Readonly<Record<string, number | null>>;
  readonly believed: Readonly<Record<string, number>>;
  readonly background: Readonly<Record<string, number>>;
}

/** Samples that follow each other, as one. */
export interface Window {
  /** When it ends, by Redis' clock. Milliseconds. */
  readonly atMs: number;
  readonly ms: number;
  readonly samples: number;
  readonly tools: ReadonlyMap<string, ToolWindow>;
  readonly machines: ReadonlyMap<string, MachineWindow>;
  /** Runs that were admitted, by the hash of their definition. */
  readonly admitted: Readonly<Record<string, number>>;
  /** The same of the time before, in which nobody took samples. */
  readonly unseen: Readonly<Record<string, number>>;
}

/** Makes one window of samples, the oldest first; null when there are none. */
export function windowOf(samples: readonly Sample[]): Window | null {
  const last = samples.at(-1);
  if (last === undefined) return null;
  const ms = samples.reduce((sum, sample) => sum + sample.ms, 0);
  const tools = new Set(samples.flatMap((sample) => Object.keys(sample.tools)));
  const machines = Object.keys(last.machines);
  return {
    atMs: last.atMs,
    ms,
    samples: samples.length,
    tools: new Map([...tools].map((tool) => [tool, toolWindow(samples, tool, ms)])),
    machines: new Map(machines.map((name) => [name, machineWindow(samples, name)])),
    admitted: sumOf(samples.map(({ admitted }) => admitted)),
    unseen: sumOf(samples.map(({ unseen = {} }) => unseen)),
  };
}

function sumOf(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const counts of all)
    for (const [hash, count] of Object.entries(counts)) sum[hash] = (sum[hash] ?? 0) + count;
  return sum;
}

function toolWindow(samples: readonly Sample[], tool: string, ms: number): ToolWindow {
  const seen = samples.map(({ tools }) => tools[tool]);
  const some = seen.filter((one) => one !== undefined);
  const sum = (field: "arrivals" | "ok" | "failed" | "checked" | "repeated"): number =>
    some.reduce((all, one) => all + (one[field] ?? 0), 0);
  const servedBy = some.at(-1)?.servedBy ?? 0;
  const blocked: Record<string, number> = {};
  for (const { blockedMs } of some)
    for (const [label, blockedFor] of Object.entries(blockedMs))
      blocked[label] = (blocked[label] ?? 0) + blockedFor / (ms * Math.max(1, servedBy));
  // Each lane of a tool is refused for itself: what is told is how the time of all of them divides.
  const whole = Object.values(blocked).reduce((total, share) => total + share, 0);
  if (whole > 1) for (const label of Object.keys(blocked)) blocked[label]! /= whole;
  return {
    waiting: seen.at(-1)?.waiting ?? 0,
    active: some.reduce((all, one) => all + one.active, 0) / samples.length,
    arrivals: Math.max(0, sum("arrivals")),
    ok: sum("ok"),
    failed: sum("failed"),
    checked: sum("checked"),
    repeated: sum("repeated"),
    busy: some.filter(({ waiting }) => waiting > 0).length / samples.length,
    blocked,
    places: placesOf(some.map(({ places }) => places)),
    servedBy,
    service: Durations.sum(some.map(({ service }) => service)),
    wait: Durations.sum(some.map(({ wait }) => wait)),
  };
}

function placesOf(
  all: readonly Readonly<Record<string, PlaceWindow>>[],
): Record<string, PlaceWindow> {
  const last = all.at(-1) ?? {};
  const places: Record<string, PlaceWindow> = {};
  for (const one of all)
    for (const [machine, { ended }] of Object.entries(one)) {
      const { active = 0, oldestMs = 0 } = last[machine] ?? {};
      places[machine] = { ended: (places[machine]?.ended ?? 0) + ended, active, oldestMs };
    }
  return places;
}

function machineWindow(samples: readonly Sample[], name: string): MachineWindow {
  const seen = samples.flatMap(({ machines }) => machines[name] ?? []);
  return {
    usage: meansOf(seen.map(({ usage }) => usage)),
    pressure: meansOf(seen.map(({ pressure }) => pressure)),
    believed: knownOf(meansOf(seen.map(({ believed }) => believed))),
    background: knownOf(meansOf(seen.map(({ background }) => background))),
  };
}

function meansOf(
  readings: readonly Readonly<Record<string, number | null>>[],
): Record<string, number | null> {
  const names = new Set(readings.flatMap((reading) => Object.keys(reading)));
  return Object.fromEntries(
    [...names].map((name) => {
      const values = readings
        .map((reading) => reading[name])
        .filter((value) => typeof value === "number");
      const sum = values.reduce((all, value) => all + value, 0);
      return [name, values.length === 0 ? null : sum / values.length];
    }),
  );
}

function knownOf(means: Readonly<Record<string, number | null>>): Record<string, number> {
  const known: Record<string, number> = {};
  for (const [name, mean] of Object.entries(means)) if (mean !== null) known[name] = mean;
  return known;
}
