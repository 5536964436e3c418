import { IMPORTANCES, readJson, type RateWindow } from "../../../config/index.ts";
import {
  levelOf,
  listed,
  type CatalogueView,
  type Declarations,
  type DisagreementView,
  type Layer,
  type Level,
  type Shown,
  RAMP_MS,
} from "../../../queues/client.ts";
import { MACHINE_UNITS, type BudgetLimits, type GatedLimits } from "../../../queues/index.ts";
import { permitsOf, serviceOf, shareOf, stepOfJob, type Permit, type Service } from "./permits.ts";

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
const iso = (ms: number): string => new Date(ms).toISOString();
const byName = <T>(table: Readonly<Record<string, T>>): [string, T][] =>
  Object.entries(table).toSorted(([a], [b]) => (a < b ? -1 : 1));

/** Makes texts of Redis to what people read. */
export function viewGate(shown: Shown, declarations: Declarations): GateView {
  const permits = permitsOf(shown);
  return {
    now: iso(shown.now),
    level: levelOf(shown.level),
    machines: byName(shown.machines).map(([name, fields]) => machineView(shown, name, fields)),
    processes: byName(shown.processes).map(([process, machine]) => ({
      process,
      machine,
      leaseUntil: iso(Number(shown.leases[process] ?? 0)),
      permits: permits.filter((permit) => permit.process === process).length,
    })),
    permits: permits.map(permitView),
    claims: byName(shown.claims).flatMap(([machine, claims]) =>
      byName(claims).map(([tool, text]) => claimView(machine, tool, text)),
    ),
    tools: byName(shown.tools).map(([tool, text]) => toolView(shown, tool, text)),
    budgets: byName(shown.budgets).map(([name, text]) => budgetView(shown, name, text)),
    troubles: byName(shown.troubles).map(([field, text]) => troubleView(shown.now, field, text)),
    ...declarations,
  };
}

function machineView(
  shown: Shown,
  machine: string,
  fields: Readonly<Record<string, string>>,
): MachineView {
  const number = (field: string): number | undefined =>
    fields[field] === undefined ? undefined : Number(fields[field]);
  const others = number("c:*") ?? MACHINE_UNITS;
  const names = Object.keys(fields).map((field) => /^[cub]:(?!\*)(.+)$/.exec(field)?.[1]);
  const resources = [...new Set(names.filter((name) => name !== undefined))].toSorted();
  const drain = shown.drains[machine];
  return {
    machine,
    calls: number("n") ?? 0,
    resources: Object.fromEntries(
      resources.map((name) => {
        const capacity = number(`c:${name}`) ?? others;
        return [
          name,
          {
            capacity: others < 0 ? null : shareOf(capacity),
            used: shareOf(number(`u:${name}`) ?? 0),
            background: shareOf(number(`b:${name}`) ?? 0),
          },
        ];
      }),
    ),
    drainedFor: drain === undefined ? null : readJson<{ tool: string }>(drain).tool,
  };
}

function permitView({
  id,
  tool,
  machine,
  process,
  needs,
  budgets,
  sinceMs,
  job,
}: Permit): PermitView {
  const step = job === null ? null : stepOfJob(job);
  const shares = Object.entries(needs).map(([name, units]) => [name, shareOf(units)] as const);
  const slots = budgets.map(([name, count]) => [name, count] as const);
  return {
    id,
    tool,
    machine,
    process,
    runId: step?.runId ?? null,
    step: step?.step ?? null,
    resources: Object.fromEntries(shares),
    slots: Object.fromEntries(slots.filter(([, count]) => count > 0)),
    since: iso(sinceMs),
  };
}

interface StoredClaim {
  readonly p: readonly string[] | Readonly<Record<string, never>>;
  readonly s: number;
  readonly k?: string;
  readonly a?: number;
}

function claimView(machine: string, tool: string, text: string): ClaimView {
  const { p, s, k, a } = readJson<StoredClaim>(text);
  return {
    tool,
    machine,
    reason: k ?? null,
    since: iso(s),
    reasonSince: a === undefined ? null : iso(a),
    processes: listed(p),
  };
}

function toolView(shown: Shown, tool: string, text: string): ToolLimitsView {
  const limits = readJson<Partial<GatedLimits>>(text);
  const takes = listed(limits.budgets);
  const own = `tool:${tool}`;
  const { slots, windows } = budgetView(shown, own, shown.budgets[own] ?? "{}");
  return {
    tool,
    concurrency: slots?.capacity ?? null,
    rates: windows.map(({ max, durationMs }) => ({ max, durationMs })),
    cost: takes.find(([name]) => name === own)?.[2] ?? 1,
    resources: Object.fromEntries(
      Object.entries(limits.needs ?? {}).map(([name, units]) => [name, shareOf(units)]),
    ),
    budgets: Object.fromEntries(
      takes
        .filter(([name]) => name !== own)
        .map(([name, count, cost]) => [name, { slots: count, cost }]),
    ),
    upstream: limits.upstream ?? tool,
    importance: IMPORTANCES[limits.importance ?? 1],
    knee: limits.cap === false ? null : (limits.cap ?? null),
    service: serviceOf(shown.service[tool]),
    running: Number(shown.running[tool] ?? 0),
    layers: LAYERS.filter(
      (layer) =>
        layersOf(shown.toolLayers, tool).includes(layer) ||
        layersOf(shown.budgetLayers, own).includes(layer),
    ),
    blockedMs: split(shown.blocked, tool),
    outcomes: split(shown.outcomes, tool),
  };
}

/** The fields `<tool>\n<what>` of a table, by what. */
function split(table: Readonly<Record<string, string>>, tool: string): Record<string, number> {
  const start = `${tool}\n`;
  const own = byName(table).filter(([field]) => field.startsWith(start));
  return Object.fromEntries(own.map(([field, text]) => [field.slice(start.length), Number(text)]));
}

function layersOf(table: Readonly<Record<string, string>>, id: string): Layer[] {
  return LAYERS.filter((layer) => table[`${layer}:${id}`] !== undefined);
}

function budgetView(shown: Shown, budget: string, text: string): BudgetView {
  const { slots, rates } = readJson<BudgetLimits>(text);
  const used = Number(shown.used[budget] ?? 0);
  return {
    budget,
    slots: slots === undefined ? null : { capacity: slots, used, free: Math.max(0, slots - used) },
    windows: listed(rates).map(([max, durationMs]) => {
      const units = Number(shown.used[`${budget}\n${durationMs}`] ?? 0);
      return { max, durationMs, used: units, free: Math.max(0, max - units) };
    }),
    layers: layersOf(shown.budgetLayers, budget),
  };
}

/** A trouble as it is kept, for people and programs. `nowMs`: Redis' clock. */
export function troubleView(nowMs: number, field: string, text: string): TroubleView {
  const name = field.slice(2);
  if (field.startsWith("b:")) {
    const { s, until_, probes } = readJson<{ s: string; until_: number; probes: number }>(text);
    const state = s === "half" || nowMs >= until_ ? "half_open" : "open";
    return { kind: "breaker", tool: name, state, until: iso(until_), probes };
  }
  const { at, until_, allowed, goal } = readJson<{
    at: number;
    until_: number;
    allowed: number;
    goal: number;
  }>(text);
  if (nowMs < until_)
    return { kind: "cool_down", upstream: name, until: iso(until_), allowed, goal };
  // A ramp after a breaker has no pause before it.
  const endsMs = Math.max(at, until_) + RAMP_MS;
  return { kind: "ramp", upstream: name, until: iso(endsMs), allowed, goal };
}
