import { readJson } from "../../../config/index.ts";
import type { BudgetTake } from "../../definition.ts";
import { toolOfQueue } from "../../names.ts";
import { BREAKER_FAILURES, BREAKER_OPEN_MS, BREAKER_PROBES } from "../scripts/constants.ts";
import { laneOf, ownBudget } from "./budget-names.ts";
import {
  decodeBudget,
  decodeTool,
  listed,
  type BudgetLimits,
  type GatedLimits,
  type Layer,
} from "./limits.ts";
import { decodeMachine, type Drain, type MachineState } from "./machines.ts";
import { decodeTroubles, type Troubles } from "./troubles.ts";

export type Layers<T> = Readonly<Partial<Record<Layer, T>>>;
export type ToolLayers = ReadonlyMap<string, Layers<Partial<GatedLimits>>>;
export type BudgetLayers = ReadonlyMap<string, Layers<BudgetLimits>>;

/** How long the calls of a tool take. */
export interface Service {
  readonly meanMs: number;
  readonly calls: number;
}

/** A tool whose limits the gate knows. */
export interface ToolState {
  readonly limits: GatedLimits;
  /** When the breaker opens, and how many probes try the tool then: as declared, or the default. */
  readonly breaker: Readonly<Record<"failures" | "openMs" | "probes", number>>;
}

/** A permit in use. */
export interface Permit {
  readonly id: string;
  /** The queue that its job comes from: of a tool or one of its lanes. */
  readonly tool: string;
  readonly machine: string;
  readonly process: string;
  readonly upstream: string;
  /** Millionths of the machine. */
  readonly units: Readonly<Record<string, number>>;
  readonly budgets: readonly BudgetTake[];
  readonly sinceMs: number;
  /** The job that runs with it; null while it is only offered. */
  readonly job: string | null;
  readonly isOffered: boolean;
  /** It tests whether the tool is back. */
  readonly probe: boolean;
}

/** A queue that was refused on a machine and stands in line there. */
export interface Claim {
  readonly tool: string;
  readonly machine: string;
  readonly processes: readonly string[];
  readonly sinceMs: number;
  /** The main reason, as in the labels of blocked time, and since when it applies. */
  readonly label: string | null;
  readonly labelSinceMs: number | null;
  /** When the reasons that pass with time have passed; 0: there are none. */
  readonly untilMs: number;
}

/** Use of a budget: slots, and units by the length of each window in milliseconds. */
interface BudgetUse {
  readonly slots: number;
  readonly units: Readonly<Record<string, number>>;
}

/** Everything the gate knows at one moment. Times are Redis' own. */
export interface GateSnapshot extends Troubles {
  readonly nowMs: number;
  readonly level: number;
  readonly machines: ReadonlyMap<string, MachineState>;
  readonly drains: ReadonlyMap<string, Drain>;
  /** Where each process works, and until when it keeps its permits without a sign of life. */
  readonly processes: ReadonlyMap<
    string,
    { readonly machine: string; readonly leaseUntilMs: number }
  >;
  /** Oldest first. */
  readonly permits: readonly Permit[];
  readonly claims: readonly Claim[];
  readonly tools: ReadonlyMap<string, ToolState>;
  readonly budgets: ReadonlyMap<string, BudgetLimits>;
  readonly toolLayers: ToolLayers;
  readonly budgetLayers: BudgetLayers;
  /** Without budgets that nobody uses. */
  readonly used: ReadonlyMap<string, BudgetUse>;
  /** Calls underway, by tool and by the upstream behind it. */
  readonly running: ReadonlyMap<string, number>;
  readonly runningUpstream: ReadonlyMap<string, number>;
  /** Mean service times of tools with enough ended calls. */
  readonly services: ReadonlyMap<string, Service>;
  /** Time in which the queues of a tool were not served, by label. Milliseconds. */
  readonly blockedMs: ByTool;
  /** Ends of calls, by class. */
  readonly outcomes: ByTool;
}

/** Numbers of a tool by another key. */
type ByTool = ReadonlyMap<string, Readonly<Record<string, number>>>;

type Texts = Readonly<Record<string, string>>;

/** {@link GateSnapshot} as the script returns it. */
export interface SnapshotTexts extends Readonly<
  Record<
    | "processes"
    | "leases"
    | "permits"
    | "tools"
    | "budgets"
    | "used"
    | "troubles"
    | "drains"
    | "service"
    | "running"
    | "blocked"
    | "outcomes"
    | "toolLayers"
    | "budgetLayers",
    Texts
  >
> {
  readonly now: number;
  readonly level: number;
  readonly machines: Readonly<Record<string, Texts>>;
  readonly claims: Readonly<Record<string, Texts>>;
  /** Running jobs, for each queue with a permit. */
  readonly active: Readonly<Record<string, readonly string[]>>;
}

export function decodeSnapshot(texts: SnapshotTexts): GateSnapshot {
  const counts = mapOf(texts.running, Number);
  return {
    nowMs: texts.now,
    level: texts.level,
    ...decodeTroubles(texts.troubles),
    machines: mapOf(texts.machines, decodeMachine),
    drains: mapOf(texts.drains, decodeDrain),
    processes: mapOf(texts.processes, (machine, process) => ({
      machine,
      leaseUntilMs: Number(texts.leases[process] ?? 0),
    })),
    permits: decodePermits(texts),
    claims: Object.entries(texts.claims).flatMap(([machine, claims]) =>
      Object.entries(claims).map(([tool, text]) => decodeClaim(machine, tool, text)),
    ),
    tools: mapOf(texts.tools, (text, tool) => toolState(decodeTool(text), tool)),
    budgets: mapOf(texts.budgets, decodeBudget),
    toolLayers: decodeLayers(texts.toolLayers, decodeTool),
    budgetLayers: decodeLayers(texts.budgetLayers, decodeBudget),
    used: decodeUse(texts.used),
    running: new Map([...counts].filter(([name]) => !/^[uo]:/.test(name))),
    runningUpstream: new Map(
      [...counts].flatMap(([name, n]) => (name.startsWith("u:") ? [[name.slice(2), n]] : [])),
    ),
    services: new Map(
      Object.entries(texts.service).flatMap(([tool, text]) => {
        const service = decodeService(text);
        return service === null ? [] : [[tool, service]];
      }),
    ),
    blockedMs: byTool(texts.blocked),
    outcomes: byTool(texts.outcomes),
  };
}

/** A tool, or the gate's defaults if nobody declared it. */
export const toolIn = ({ tools }: Pick<GateSnapshot, "tools">, tool: string): ToolState =>
  tools.get(tool) ?? toolState({}, tool);

/** The limits of a budget. A lane has its tool's limits per key. */
export function budgetIn(
  { budgets, tools }: Pick<GateSnapshot, "budgets" | "tools">,
  name: string,
): BudgetLimits | undefined {
  const lane = laneOf(name);
  return lane === undefined ? budgets.get(name) : tools.get(toolOfQueue(lane))?.limits.perKey;
}

/** The layers that mention a tool or its private budget. */
export function layersOf(
  { toolLayers, budgetLayers }: Pick<GateSnapshot, "toolLayers" | "budgetLayers">,
  tool: string,
): Layers<unknown> {
  return { ...toolLayers.get(tool), ...budgetLayers.get(ownBudget(tool)) };
}

export function mapOf<T, U>(
  table: Readonly<Record<string, T>>,
  decode: (value: T, name: string) => U,
): Map<string, U> {
  return new Map(Object.entries(table).map(([name, value]) => [name, decode(value, name)]));
}

/** Limits completed with the gate's defaults. A layer may mention a tool before anybody declares it. */
export function toolState(limits: Partial<GatedLimits>, tool: string): ToolState {
  const { failures, openMs, probes } = limits.breaker ?? {};
  return {
    limits: { needs: {}, budgets: [], upstream: tool, importance: 1, ...limits },
    breaker: {
      failures: failures ?? BREAKER_FAILURES,
      openMs: openMs ?? BREAKER_OPEN_MS,
      probes: probes ?? BREAKER_PROBES,
    },
  };
}

/** Decodes layers, stored by `<layer>:<id>`. */
export function decodeLayers<T>(
  texts: Texts,
  decode: (text: string) => T,
): ReadonlyMap<string, Layers<T>> {
  const found = new Map<string, Partial<Record<Layer, T>>>();
  for (const [field, text] of Object.entries(texts)) {
    const { layer, id } = decodeLayerName(field);
    found.set(id, { ...found.get(id), [layer]: decode(text) });
  }
  return found;
}

export function decodeLayerName(field: string): { readonly layer: Layer; readonly id: string } {
  const at = field.indexOf(":");
  return { layer: field.slice(0, at) as Layer, id: field.slice(at + 1) };
}

function decodeDrain(text: string): Drain {
  const { tool, n, at, ms } = readJson<{
    tool: string;
    n: Readonly<Record<string, number>>;
    at: number;
    ms: number;
  }>(text);
  return { tool, units: n, untilMs: at + ms };
}

/** A mean over fewer calls is too uncertain to use. */
const LEAST_CALLS = 5;

/** Decodes `<mean ms> <calls>`; null: too few calls have ended. */
export function decodeService(text: string | false | undefined): Service | null {
  const [meanMs, calls] = (text || "").split(" ").map(Number);
  return meanMs === undefined || calls === undefined || calls < LEAST_CALLS
    ? null
    : { meanMs, calls };
}

/** Decodes use: slots by budget name, units of windows by `<budget>\n<length>`. */
function decodeUse(texts: Texts): ReadonlyMap<string, BudgetUse> {
  const found = new Map<string, BudgetUse>();
  for (const [field, text] of Object.entries(texts)) {
    const [name = "", durationMs] = field.split("\n");
    const { slots, units } = found.get(name) ?? { slots: 0, units: {} };
    const amount = Number(text);
    found.set(
      name,
      durationMs === undefined
        ? { slots: amount, units }
        : { slots, units: { ...units, [durationMs]: amount } },
    );
  }
  return found;
}

/** Decodes numbers stored by `<tool>\n<what>`. */
function byTool(table: Texts): ByTool {
  const found = new Map<string, Readonly<Record<string, number>>>();
  for (const [field, value] of Object.entries(table)) {
    const [tool = "", what = ""] = field.split("\n");
    found.set(tool, { ...found.get(tool), [what]: Number(value) });
  }
  return found;
}

interface StoredPermit {
  readonly t: string;
  readonly m: string;
  readonly p: string;
  readonly u: string;
  readonly n: Readonly<Record<string, number>>;
  readonly b: readonly BudgetTake[] | Readonly<Record<string, never>>;
  readonly s: number;
  readonly j?: string;
  readonly o?: number;
  readonly x?: number;
}

/**
 * The permits, each with the job that runs with it. A permit is granted for the job that is next at that moment. When
 * two are granted at once, one of them takes the job behind it. So a permit whose job is taken by another gets a
 * running job that has none.
 */
function decodePermits({
  permits,
  active,
}: Pick<SnapshotTexts, "permits" | "active">): readonly Permit[] {
  const stored = Object.entries(permits)
    .map(([id, text]) => ({ id, ...readJson<StoredPermit>(text) }))
    .toSorted((a, b) => Number(a.id) - Number(b.id));
  const free = mapOf(active, (jobs) => new Set(listed(jobs)));
  const jobs = new Map<string, string>();
  for (const { id, t, j, o } of stored)
    if (j !== undefined && o === undefined && free.get(t)?.delete(j) === true) jobs.set(id, j);
  for (const { id, t, o } of stored) {
    // BullMQ puts the job taken last in front.
    const rest = [...(free.get(t) ?? [])];
    const job = o === undefined && !jobs.has(id) ? rest.at(-1) : undefined;
    if (job === undefined) continue;
    free.get(t)?.delete(job);
    jobs.set(id, job);
  }
  return stored.map(({ id, t, m, p, u, n, b, s, o, x }) => ({
    id,
    tool: t,
    machine: m,
    process: p,
    upstream: u,
    units: n,
    budgets: listed(b),
    sinceMs: s,
    job: jobs.get(id) ?? null,
    isOffered: o !== undefined,
    probe: x !== undefined,
  }));
}

function decodeClaim(machine: string, tool: string, text: string): Claim {
  const { p, s, k, a, u } = readJson<{
    readonly p: readonly string[] | Readonly<Record<string, never>>;
    readonly s: number;
    readonly k?: string;
    readonly a?: number;
    readonly u?: number;
  }>(text);
  return {
    tool,
    machine,
    processes: listed(p),
    sinceMs: s,
    label: k ?? null,
    labelSinceMs: a ?? null,
    untilMs: u ?? 0,
  };
}
