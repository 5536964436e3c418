import { iso, isoOrNull, IMPORTANCES, type RateWindow } from "../../../config/index.ts";
import {
  layersOf,
  levelOf,
  type CatalogueView,
  type Claim,
  type Declarations,
  type DisagreementView,
  type GateSnapshot,
  type Layer,
  type Level,
  type MachineState,
  type Permit,
  type Service,
  RAMP_MS,
} from "../../../queues/client.ts";
import { ownBudget, type BudgetLimits, type GatedLimits } from "../../../queues/index.ts";
import { shareOf, stepOfJob } from "./permits.ts";

/** A resource of a machine. Shares of 1; null: no bound. */
interface ResourceView {
  readonly capacity: number | null;
  /** What permits hold. */
  readonly used: number;
  /** What others use of it, as far as it was measured. */
  readonly background: number;
}

export interface MachineView {
  readonly machine: string;
  /** Calls underway. */
  readonly calls: number;
  readonly resources: Readonly<Record<string, ResourceView>>;
  /** The tool it is kept for. */
  readonly drainedFor: string | null;
}

export interface PermitView {
  readonly id: string;
  readonly tool: string;
  readonly machine: string;
  readonly process: string;
  readonly runId: string | null;
  readonly step: string | null;
  /** Shares of the machine by resource. */
  readonly resources: Readonly<Record<string, number>>;
  /** Slots by budget. */
  readonly slots: Readonly<Record<string, number>>;
  readonly since: string;
}

export interface ToolLimitsView {
  readonly tool: string;
  /** Of its private budget, as far as it has one. */
  readonly concurrency: number | null;
  readonly rates: readonly RateWindow[];
  /** Units of its own rates that a call costs. */
  readonly cost: number;
  readonly resources: Readonly<Record<string, number>>;
  /** What a call takes of named budgets. */
  readonly budgets: Readonly<Record<string, { readonly slots: number; readonly cost: number }>>;
  readonly upstream: string;
  readonly importance: (typeof IMPORTANCES)[number];
  /** Calls at once that the service was seen to carry; null: not known. */
  readonly knee: number | null;
  readonly service: Service | null;
  readonly running: number;
  /** Who has a say beside the catalogue. */
  readonly layers: readonly Layer[];
  /** Time in which its queue was not served, by what kept it. Milliseconds. */
  readonly blockedMs: Readonly<Record<string, number>>;
  /** Ends of calls since the beginning: ok, limited (429), down, none. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface BudgetView {
  readonly budget: string;
  readonly slots: {
    readonly capacity: number;
    readonly used: number;
    readonly free: number;
  } | null;
  readonly windows: readonly (RateWindow & { readonly used: number; readonly free: number })[];
  readonly layers: readonly Layer[];
}

/** A tool that was refused on a machine and stands in line there. */
export interface ClaimView {
  readonly tool: string;
  readonly machine: string;
  /** The main reason, as the blocked time is counted under. */
  readonly reason: string | null;
  readonly since: string;
  /** Since when it is that reason. */
  readonly reasonSince: string | null;
  readonly processes: readonly string[];
}

export type TroubleView =
  | {
      readonly kind: "breaker";
      readonly tool: string;
      readonly state: "open" | "half_open";
      readonly until: string;
      readonly probes: number;
    }
  | {
      readonly kind: "cool_down" | "ramp";
      readonly upstream: string;
      /** When the pause is over; of a ramp: when it ends by itself, if calls that go well do not end it before. */
      readonly until: string;
      readonly allowed: number;
      readonly goal: number;
    };

/** What the gate knows. Times are ISO 8601 with milliseconds. */
export interface GateView {
  readonly now: string;
  readonly level: Level;
  readonly machines: readonly MachineView[];
  /** Worker processes, and until when they keep their permits without a sign of life. */
  readonly processes: readonly {
    readonly process: string;
    readonly machine: string;
    readonly leaseUntil: string;
    readonly permits: number;
  }[];
  readonly permits: readonly PermitView[];
  readonly claims: readonly ClaimView[];
  readonly tools: readonly ToolLimitsView[];
  readonly budgets: readonly BudgetView[];
  readonly troubles: readonly TroubleView[];
  /** Catalogues that living workers were started with. */
  readonly catalogues: readonly CatalogueView[];
  /** Tools and budgets that they declare differently. */
  readonly disagreements: readonly DisagreementView[];
}

const LAYERS = ["declared", "learned", "tuned", "set"] as const;
const byName = <T>(table: Iterable<readonly [string, T]>): (readonly [string, T])[] =>
  [...table].toSorted(([a], [b]) => (a < b ? -1 : 1));
const sharesOf = (units: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(units).map(([name, amount]) => [name, shareOf(amount)]));

/** Makes what the gate knows to what people read. */
export function viewGate(gate: GateSnapshot, declarations: Declarations): GateView {
  const { permits, nowMs } = gate;
  return {
    now: iso(nowMs),
    level: levelOf(gate.level),
    machines: byName(gate.machines).map(([machine, state]) => ({
      machine,
      calls: state.calls,
      resources: resourcesView(state),
      drainedFor: gate.drains.get(machine)?.tool ?? null,
    })),
    processes: byName(gate.processes).map(([process, { machine, leaseUntilMs }]) => ({
      process,
      machine,
      leaseUntil: iso(leaseUntilMs),
      permits: permits.filter((permit) => permit.process === process).length,
    })),
    permits: permits.map(permitView),
    claims: byName(gate.claims.map((claim) => [`${claim.machine}\n${claim.tool}`, claim])).map(
      ([, claim]) => claimView(claim),
    ),
    tools: byName(gate.tools).map(([tool, { limits }]) => toolView(gate, tool, limits)),
    budgets: byName(gate.budgets).map(([name, limits]) => budgetView(gate, name, limits)),
    troubles: troublesView(gate),
    ...declarations,
  };
}

function resourcesView(state: MachineState): MachineView["resources"] {
  const { capacity, others, used, background } = state;
  const names = [capacity, used, background].flatMap((units) => Object.keys(units));
  return Object.fromEntries(
    [...new Set(names)].toSorted().map((name) => [
      name,
      {
        capacity: others === null ? null : shareOf(capacity[name] ?? others),
        used: shareOf(used[name] ?? 0),
        background: shareOf(background[name] ?? 0),
      },
    ]),
  );
}

function permitView(permit: Permit): PermitView {
  const { id, tool, machine, process, units, budgets, sinceMs, job } = permit;
  const step = job === null ? null : stepOfJob(job);
  const slots = budgets.map(([name, count]) => [name, count] as const);
  return {
    id,
    tool,
    machine,
    process,
    runId: step?.runId ?? null,
    step: step?.step ?? null,
    resources: sharesOf(units),
    slots: Object.fromEntries(slots.filter(([, count]) => count > 0)),
    since: iso(sinceMs),
  };
}

function claimView({ tool, machine, label, sinceMs, labelSinceMs, processes }: Claim): ClaimView {
  return {
    tool,
    machine,
    reason: label,
    since: iso(sinceMs),
    reasonSince: isoOrNull(labelSinceMs),
    processes,
  };
}

function toolView(gate: GateSnapshot, tool: string, limits: GatedLimits): ToolLimitsView {
  const own = ownBudget(tool);
  const { slots, windows } = budgetView(gate, own, gate.budgets.get(own) ?? {});
  const layers = layersOf(gate, tool);
  return {
    tool,
    concurrency: slots?.capacity ?? null,
    rates: windows.map(({ max, durationMs }) => ({ max, durationMs })),
    cost: limits.budgets.find(([name]) => name === own)?.[2] ?? 1,
    resources: sharesOf(limits.needs),
    budgets: Object.fromEntries(
      limits.budgets
        .filter(([name]) => name !== own)
        .map(([name, count, cost]) => [name, { slots: count, cost }]),
    ),
    upstream: limits.upstream,
    importance: IMPORTANCES[limits.importance],
    knee: limits.cap === false ? null : (limits.cap ?? null),
    service: gate.services.get(tool) ?? null,
    running: gate.running.get(tool) ?? 0,
    layers: LAYERS.filter((layer) => layers[layer] !== undefined),
    blockedMs: Object.fromEntries(byName(Object.entries(gate.blockedMs.get(tool) ?? {}))),
    outcomes: Object.fromEntries(byName(Object.entries(gate.outcomes.get(tool) ?? {}))),
  };
}

function budgetView(
  gate: GateSnapshot,
  budget: string,
  { slots, rates }: BudgetLimits,
): BudgetView {
  const { slots: used = 0, units = {} } = gate.used.get(budget) ?? {};
  const layers = gate.budgetLayers.get(budget);
  return {
    budget,
    slots: slots === undefined ? null : { capacity: slots, used, free: Math.max(0, slots - used) },
    windows: (rates ?? []).map(([max, durationMs]) => {
      const taken = units[durationMs] ?? 0;
      return { max, durationMs, used: taken, free: Math.max(0, max - taken) };
    }),
    layers: LAYERS.filter((layer) => layers?.[layer] !== undefined),
  };
}

/** Troubles as they are kept, for people and programs. */
export function troublesView({
  nowMs,
  breakers,
  upstreams,
}: Pick<GateSnapshot, "nowMs" | "breakers" | "upstreams">): TroubleView[] {
  const tools = byName(breakers).map(([tool, { state, untilMs, probes }]): TroubleView => {
    const shown = nowMs >= untilMs ? "half_open" : state;
    return { kind: "breaker", tool, state: shown, until: iso(untilMs), probes };
  });
  const services = byName(upstreams).map(([upstream, trouble]): TroubleView => {
    const { sinceMs, untilMs, allowed, goal } = trouble;
    if (nowMs < untilMs) return { kind: "cool_down", upstream, until: iso(untilMs), allowed, goal };
    // A ramp after a breaker has no pause before it.
    const endsMs = Math.max(sinceMs, untilMs) + RAMP_MS;
    return { kind: "ramp", upstream, until: iso(endsMs), allowed, goal };
  });
  return [...tools, ...services];
}
