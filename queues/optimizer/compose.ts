import { given } from "../../config/index.ts";
import { sharesOf } from "../gate/stored/limits.ts";
import type { MachineState } from "../gate/stored/machines.ts";
import { USAGE_STALE_MS, type UsageWord, type Seen } from "../gate/stored/observed.ts";
import type { WorkerInfo } from "../presence.ts";
import { Durations } from "./durations.ts";
import type {
  MachineSample,
  PlaceSample,
  Reading,
  Remembered,
  Sample,
  ToolReading,
  ToolSample,
} from "./sample.ts";

type ToolReadings = readonly { readonly machine: string; readonly reading: ToolReading }[];

/** Composes a sample from the view of the gate's script and the readings of processes since the previous sample. */
export function composeSample(
  before: Remembered,
  seen: Seen,
  readings: readonly Reading[],
  workers: readonly Pick<WorkerInfo, "machine" | "tools">[],
): Sample {
  const serving = servingOf(workers);
  const readingsByTool = byTool(readings);
  const blocked = blockedSince(before.blocked, seen.blocked);
  const names = new Set([
    ...Object.keys(seen.queues),
    ...Object.keys(before.waiting),
    ...readingsByTool.keys(),
    ...blocked.keys(),
  ]);
  const tools = [...names].map(
    (name) =>
      [
        name,
        {
          ...toolSample(
            seen.queues[name] ?? [0, 0, 0],
            before.waiting[name] ?? 0,
            readingsByTool.get(name) ?? [],
            blocked.get(name) ?? {},
          ),
          servedBy: serving.get(name)?.size ?? 0,
        },
      ] as const,
  );
  const machines = [...seen.machines].map(
    ([name, machine]) => [name, machineSample(machine, seen.usage.get(name), seen.now)] as const,
  );
  return {
    atMs: seen.now,
    ms: seen.now - before.atMs,
    level: seen.level,
    tools: Object.fromEntries(tools),
    machines: Object.fromEntries(machines),
    admitted: seen.admitted,
    ...given({ unseen: before.unseen }),
  };
}

/** The state that the next sample needs. `missed`: no sample was made, so also what none reports. */
export function remember(
  { now, queues, blocked, admitted }: Seen,
  missed?: { readonly before: Remembered | null },
): Remembered {
  const waiting = Object.entries(queues)
    .filter(([, [count]]) => count > 0)
    .map(([name, [count]]) => [name, count] as const);
  const unseen = missed === undefined ? {} : { ...missed.before?.unseen };
  if (missed !== undefined)
    for (const [hash, runs] of Object.entries(admitted)) unseen[hash] = (unseen[hash] ?? 0) + runs;
  return {
    atMs: now,
    waiting: Object.fromEntries(waiting),
    blocked: Object.fromEntries(blocked.map((one) => [counterOf(one), one.ms])),
    ...(Object.keys(unseen).length === 0 ? {} : { unseen }),
  };
}

function byTool(readings: readonly Reading[]): ReadonlyMap<string, ToolReadings> {
  const found = new Map<string, { machine: string; reading: ToolReading }[]>();
  // Only the last reading of a process says what is underway there.
  const last = new Map(readings.map((reading) => [reading.process, reading]));
  for (const one of readings)
    for (const [tool, said] of Object.entries(one.tools)) {
      const list = found.get(tool) ?? [];
      const reading = last.get(one.process) === one ? said : { ...said, active: 0, oldestMs: 0 };
      list.push({ machine: one.machine, reading });
      found.set(tool, list);
    }
  return found;
}

/** The machines that serve each tool. */
function servingOf(
  workers: readonly Pick<WorkerInfo, "machine" | "tools">[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const serving = new Map<string, Set<string>>();
  for (const { machine, tools } of workers)
    for (const tool of tools) {
      const machines = serving.get(tool) ?? new Set();
      serving.set(tool, machines.add(machine));
    }
  return serving;
}

/** The name under which a tool's blocked time is remembered. */
const counterOf = ({ tool, label }: Seen["blocked"][number]): string => `${tool}\n${label}`;

/** Growth by tool and label. Lost counters begin anew. */
function blockedSince(
  before: Remembered["blocked"],
  now: Seen["blocked"],
): ReadonlyMap<string, Record<string, number>> {
  const found = new Map<string, Record<string, number>>();
  for (const one of now) {
    const { tool, label, ms } = one;
    const was = before[counterOf(one)] ?? 0;
    const more = ms >= was ? ms - was : ms;
    if (more <= 0) continue;
    const labels = found.get(tool) ?? {};
    labels[label] = more;
    found.set(tool, labels);
  }
  return found;
}

function toolSample(
  [waiting, active, delayed]: readonly [number, number, number],
  waitedBefore: number,
  readings: ToolReadings,
  blockedMs: Readonly<Record<string, number>>,
): Omit<ToolSample, "servedBy"> {
  const sum = (
    field: "came" | "began" | "ok" | "failed" | "limited" | "checked" | "repeated",
  ): number => readings.reduce((all, { reading }) => all + (reading[field] ?? 0), 0);
  const checked = sum("checked");
  const service = Durations.sum(readings.map(({ reading }) => reading.service)).encode();
  const wait = Durations.sum(readings.map(({ reading }) => reading.wait)).encode();
  return {
    waiting,
    active,
    delayed,
    arrivals: waiting - waitedBefore + sum("came"),
    uncalled: sum("came") - sum("began"),
    ok: sum("ok"),
    failed: sum("failed"),
    limited: sum("limited"),
    blockedMs,
    places: placesOf(readings),
    ...(checked === 0 ? {} : { checked, repeated: sum("repeated") }),
    ...given({ service, wait }),
  };
}

function placesOf(readings: ToolReadings): Record<string, PlaceSample> {
  const places: Record<string, PlaceSample> = {};
  for (const { machine, reading } of readings) {
    const before = places[machine];
    places[machine] = {
      ended: (before?.ended ?? 0) + reading.ok + reading.failed + reading.limited,
      active: (before?.active ?? 0) + reading.active,
      oldestMs: Math.max(before?.oldestMs ?? 0, reading.oldestMs),
    };
  }
  return places;
}

function machineSample(
  { used, background }: Pick<MachineState, "used" | "background">,
  latest: UsageWord | undefined,
  now: number,
): MachineSample {
  // The process that reported it may be gone, and an old report says nothing about now.
  const said = latest === undefined || now - latest.atMs > USAGE_STALE_MS ? undefined : latest;
  return {
    believed: sharesOf(used),
    background: sharesOf(background),
    usage: said?.usage ?? {},
    pressure: said?.pressure ?? {},
  };
}
