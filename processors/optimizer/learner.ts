import { isDeepStrictEqual } from "node:util";

import type { Redis } from "ioredis";

import { readJson, given } from "../../config/index.ts";
import {
  MACHINE_UNITS,
  ownBudget,
  sharesOf,
  shareUnits,
  type Gate,
  type GatedLimits,
  type GateChanges,
  type Keys,
} from "../../queues/index.ts";
import {
  USAGE_STALE_MS,
  type MachineChange,
  type Observed,
  type ToolLayers,
} from "../../queues/worker.ts";
import { isFull } from "../machine/pressure.ts";
import { KneeControl, type KneeDecision } from "./learning/knee.ts";
import { ServiceTimes, type ServiceTimeState } from "./learning/service-time.ts";
import {
  VectorLearner,
  type Shares,
  type UsageWindow,
  type VectorState,
} from "./learning/vectors.ts";

/** How often what happened is learned from. Milliseconds. */
export const LEARN_INTERVAL_MS = 2_500;

/** More of the calls of a tool were slow because their machine was full: then none of them is learned from. */
const OWN_SHARE = 0.2;

/** What is kept between two passes. */
interface Kept {
  readonly vectors?: VectorState;
  readonly services?: ServiceTimeState;
  readonly knees?: Readonly<Record<string, ReturnType<KneeControl["toJSON"]>>>;
  /** When each machine said what was learned from last. */
  readonly said?: Readonly<Record<string, number>>;
}

/** What a pass changed. */
export interface LearnReport {
  /** Ended calls that were learned from. */
  readonly calls: number;
  /** Machines that said how they are used. */
  readonly machines: readonly string[];
  /** Tools whose shares of a machine are believed to be others than before. */
  readonly resources: Readonly<Record<string, Shares>>;
  /** Caps of tools with a service behind them; null: none. */
  readonly caps: Readonly<Record<string, KneeDecision>>;
  readonly background: Readonly<Record<string, Shares>>;
}

/**
 * Learns from what happened since the last pass, and lets the gate go by it: service times, needs of calls,
 * what else runs on the machines, and how many calls at once external services take.
 */
export class Learner {
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #gate: Gate;

  constructor(redis: Redis, keys: Keys, gate: Gate) {
    this.#redis = redis;
    this.#keys = keys;
    this.#gate = gate;
  }

  async pass(): Promise<LearnReport> {
    const { learned } = this.#keys;
    const [text, layers, effective, budgets] = await Promise.all([
      this.#redis.get(learned),
      this.#gate.toolLayers(),
      this.#gate.toolLimits(),
      this.#gate.budgetLimits(),
    ]);
    const seen = await this.#gate.observe();
    const kept = readJson<Kept>(text ?? "{}");
    const declared = declaredOf(layers);
    const services = new ServiceTimes((tool) => declared.get(tool)?.serviceMs, kept.services);
    const byTool = callsByTool(seen.calls);
    for (const [tool, calls] of byTool)
      services.observe(
        tool,
        calls.filter(({ limited }) => !limited).map(({ ms }) => ms),
      );
    const vectors = new VectorLearner(
      (tool) => sharesOf(declared.get(tool)?.needs ?? {}),
      kept.vectors,
    );
    const said = watchMachines(vectors, kept, seen);
    const limitOf = (tool: string) => budgets.get(ownBudget(tool))?.slots;
    const knees = turnKnees(declared, kept, byTool, seen, limitOf);
    const machines = Object.keys(said);
    const report = { calls: seen.calls.length, machines, resources: {}, caps: {}, background: {} };
    const changes = changesOf({
      declared,
      layers,
      effective,
      services,
      vectors,
      knees,
      report,
    });
    await this.#gate.configure(changes);
    const keep: Kept = {
      vectors: vectors.toJSON(),
      services: services.toJSON(),
      knees: {
        // A tool that no living worker declares may come back: its last worker is being replaced.
        ...Object.fromEntries(
          Object.entries(kept.knees ?? {}).filter(
            ([tool]) => !declared.has(tool) && layers.get(tool)?.learned !== undefined,
          ),
        ),
        ...Object.fromEntries([...knees].map(([tool, { control }]) => [tool, control.toJSON()])),
      },
      said,
    };
    await this.#redis.set(learned, JSON.stringify(keep));
    return report;
  }
}

/** Learns from what machines said since the last pass; when each of them that can be believed did, by name. */
function watchMachines(vectors: VectorLearner, kept: Kept, seen: Observed): Record<string, number> {
  const said: Record<string, number> = {};
  const windows: UsageWindow[] = [];
  for (const [machine, word] of seen.usage) {
    const { usage, pressure, windowMs, running, atMs } = word;
    // A worker of an older version does not say what ran.
    if (seen.now - atMs > USAGE_STALE_MS || running === undefined) continue;
    said[machine] = atMs;
    // Over a long window, as after a time in which a process stood still, one reading says nothing.
    if (windowMs > USAGE_STALE_MS || kept.said?.[machine] === atMs) continue;
    windows.push({ machine, windowMs, usage, pressure, running });
  }
  vectors.observe(windows);
  return said;
}

type Declared = ReadonlyMap<string, Pick<GatedLimits, "needs"> & Partial<GatedLimits>>;
type Knees = ReadonlyMap<string, { control: KneeControl; decision: KneeDecision | null }>;

function callsByTool(calls: Observed["calls"]): ReadonlyMap<string, Observed["calls"][number][]> {
  const byTool = new Map<string, Observed["calls"][number][]>();
  for (const call of calls) {
    const list = byTool.get(call.tool);
    if (list === undefined) byTool.set(call.tool, [call]);
    else list.push(call);
  }
  return byTool;
}

function declaredOf(layers: ToolLayers): Declared {
  return new Map(
    [...layers].flatMap(([tool, { declared }]) =>
      declared === undefined ? [] : [[tool, { ...declared, needs: declared.needs ?? {} }] as const],
    ),
  );
}

/** Shows every external tool its calls, and asks for its cap. */
function turnKnees(
  declared: Declared,
  kept: Kept,
  byTool: ReadonlyMap<string, Observed["calls"]>,
  seen: Observed,
  limitOf: (tool: string) => number | undefined,
): Knees {
  const knees = new Map<string, { control: KneeControl; decision: KneeDecision | null }>();
  const crowded = fullFor(seen);
  for (const [tool, { external, cap }] of declared) {
    if (external !== true) continue;
    const limit = limitOf(tool);
    // It begins with the cap that it was declared with.
    const options = {
      ...(cap ? { startCap: cap } : {}),
      ...given({ ceiling: limit }),
    };
    const control = new KneeControl(options, kept.knees?.[tool]);
    const calls = byTool.get(tool) ?? [];
    let decision: KneeDecision | null = null;
    for (const { limited, atMs } of calls)
      if (limited) decision = control.throttled(atMs) ?? decision;
    const good = calls.filter(({ limited }) => !limited);
    const own = good.filter(({ own: isOwn }) => isOwn).length;
    if (own > OWN_SHARE * good.length) {
      // What is slow because a machine is full says nothing about the service.
      knees.set(tool, {
        control,
        decision: control.blind(seen.now, good.some(isBound)) ?? decision,
      });
      continue;
    }
    for (const { ms, concurrency, bound, atMs } of good)
      control.sample({ concurrency, latencyMs: ms, atMs, bound });
    const underway = crowded.has(tool) ? 0 : (seen.running[tool] ?? 0);
    knees.set(tool, { control, decision: control.decide(seen.now, underway) ?? decision });
  }
  return knees;
}

const isBound = ({ bound }: Observed["calls"][number]): boolean => bound;

/** Tools that ran on a machine that said of itself that it is full. */
function fullFor({ usage, now }: Observed): ReadonlySet<string> {
  return new Set(
    [...usage.values()]
      .filter((word) => now - word.atMs <= USAGE_STALE_MS && isFull(word))
      .flatMap(({ running = {} }) => Object.keys(running)),
  );
}

/** What the gate has to be told, and the same for people. */
function changesOf(learned: {
  readonly declared: Declared;
  readonly layers: ToolLayers;
  readonly effective: ReadonlyMap<string, GatedLimits>;
  readonly services: ServiceTimes;
  readonly vectors: VectorLearner;
  readonly knees: Knees;
  readonly report: {
    readonly machines: readonly string[];
    readonly resources: Record<string, Shares>;
    readonly caps: Record<string, KneeDecision>;
    readonly background: Record<string, Shares>;
  };
}): GateChanges {
  const { declared, layers, effective, services, vectors, knees, report } = learned;
  const tools: Record<string, { learned: Partial<GatedLimits> }> = {};
  for (const [tool, limits] of declared) {
    const resources = vectors.resourcesOf(tool);
    const units = mapValues(resources, shareUnits);
    const knee = knees.get(tool);
    const serviceMs = services.of(tool)?.ms;
    const patch: Partial<GatedLimits> = {
      ...(isSame(units, limits.needs) ? {} : { needs: units }),
      ...(knee === undefined ? {} : { cap: knee.control.decision.cap ?? false }),
      ...(serviceMs === undefined ? {} : { serviceMs: Math.round(serviceMs) }),
    };
    const after = { ...limits, ...patch };
    if (!isSame(after.needs, effective.get(tool)?.needs ?? {})) report.resources[tool] = resources;
    if (knee?.decision != null) report.caps[tool] = knee.decision;
    if (!isDeepStrictEqual(patch, layers.get(tool)?.learned ?? {}))
      tools[tool] = { learned: patch };
  }
  const machines: Record<string, MachineChange> = {};
  for (const machine of report.machines) {
    const background = vectors.background(machine);
    report.background[machine] = background;
    machines[machine] = {
      background: mapValues(background, (share) => Math.round(share * MACHINE_UNITS)),
    };
  }
  return { tools, machines };
}

const mapValues = (shares: Shares, of: (share: number) => number): Record<string, number> =>
  Object.fromEntries(Object.entries(shares).map(([resource, share]) => [resource, of(share)]));

function isSame(a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): boolean {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...names].every((name) => a[name] === b[name]);
}
