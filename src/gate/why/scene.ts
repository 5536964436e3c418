import { readJson } from "../../../config/index.ts";
import {
  BREAKER_PROBES,
  listed,
  roomBeside,
  type Explained,
  type Rank,
  type Shown,
  type Taken,
  type WorkerInfo,
} from "../../../queues/client.ts";
import {
  MACHINE_UNITS,
  toolOfQueue,
  type BudgetLimits,
  type GatedLimits,
  type Reason,
} from "../../../queues/index.ts";
import { permitsOf, serviceOf, type Permit } from "../limits/permits.ts";
import type { Call, MachineScene, RunningCall, Scene, Waiting } from "./forecast.ts";

/** A call that has taken this much longer than others do may take any time. */
const OVERDUE = 2;

/** What the gate knew at one moment, read once for everything that is asked about it. */
export class Moment {
  readonly shown: Shown;
  readonly permits: readonly Permit[];
  readonly #workers: readonly WorkerInfo[];

  constructor(shown: Shown, workers: readonly WorkerInfo[]) {
    this.shown = shown;
    this.permits = permitsOf(shown);
    this.#workers = workers;
  }

  get hasWorkers(): boolean {
    return this.#workers.length > 0;
  }

  /** The machines on which a tool is served. */
  serving(tool: string): ReadonlySet<string> {
    const found = this.#workers.filter(({ tools }) => tools.includes(toolOfQueue(tool)));
    return new Set(found.map(({ machine }) => machine));
  }

  /** Mean time of a call; Infinity when nobody knows. Milliseconds. */
  serviceMs(tool: string): number {
    return serviceOf(this.shown.service[toolOfQueue(tool)])?.meanMs ?? Infinity;
  }

  /** When the call behind a permit ends; Infinity when nobody knows. */
  endOf({ tool, sinceMs }: Permit): number {
    const meanMs = this.serviceMs(tool);
    const elapsedMs = this.shown.now - sinceMs;
    return elapsedMs > OVERDUE * meanMs ? Infinity : Math.max(this.shown.now, sinceMs + meanMs);
  }

  /** What is there, what runs, and who is in line, with `calls` calls of the tool. */
  scene(tool: string, explained: Explained, calls: number): Scene {
    const reasons = Object.values(explained.machines).flat();
    const extra = extraBudgets(tool, reasons, this.shown);
    const gates = reasons.map((reason) =>
      reason.kind === "cool_down" || (reason.kind === "breaker" && reason.state === "open")
        ? reason.untilMs
        : 0,
    );
    const { drains } = this.shown;
    const machines = new Map(
      Object.entries(this.shown.machines).map(([name, fields]) => {
        const drain = drains[name] === undefined ? undefined : readJson<Drain>(drains[name]);
        return [name, machineScene(fields, drain, this.shown.now)] as const;
      }),
    );
    const budgets = new Map<string, { slots: number; grows?: boolean; firmFor?: number }>();
    for (const [name, text] of Object.entries(this.shown.budgets)) {
      const { slots } = readJson<BudgetLimits>(text);
      if (slots !== undefined) budgets.set(name, { slots });
    }
    for (const [name, { holds: _, ...budget }] of extra) budgets.set(name, budget);
    const drained = [...machines.values()].flatMap(({ drain }) =>
      drain === undefined || drain.tool === tool ? [] : [drain],
    );
    const inLine = (
      other: string,
      count: number,
      ranks: readonly Rank[],
      take: Taken | undefined,
    ): Waiting => ({
      ...callOf(other, take, extra),
      count,
      ranks,
      machines: this.serving(other),
      serviceMs: this.serviceMs(other),
    });
    return {
      nowMs: this.shown.now,
      machines,
      budgets,
      running: this.permits.map((permit) => this.#running(permit, extra)),
      line: [
        ...drained.map((drain) => inLine(drain.tool, 1, [], { n: drain.needs, b: [] })),
        ...explained.others
          .filter((one) => !drained.some((drain) => drain.tool === one.tool))
          .map((one) => inLine(one.tool, one.ranks.length, one.ranks, one.take)),
        {
          ...inLine(tool, calls, explained.ranks, explained.take),
          notBeforeMs: Math.max(0, ...gates),
        },
      ],
    };
  }

  #running(permit: Permit, extra: Extra): RunningCall {
    const { tool, needs, budgets: b, machine } = permit;
    const call = callOf(tool, { n: needs, b }, new Map());
    const slots = { ...call.slots };
    for (const [name, { holds }] of extra) if (holds(permit)) slots[name] = 1;
    return { ...call, slots, machine, endsAtMs: this.endOf(permit) };
  }
}

interface Drain {
  readonly tool: string;
  readonly n: Readonly<Record<string, number>>;
  readonly at: number;
  readonly ms: number;
}

/** A limit that is no budget, played as if it were. */
interface ExtraBudget {
  readonly slots: number;
  readonly grows: boolean;
  readonly firmFor?: number;
  readonly holds: (permit: Permit) => boolean;
}
type Extra = ReadonlyMap<string, ExtraBudget>;

function extraBudgets(queue: string, reasons: readonly Reason[], shown: Shown): Extra {
  const extra = new Map<string, ExtraBudget>();
  const tool = toolOfQueue(queue);
  const isOfTool = (permit: Permit): boolean => toolOfQueue(permit.tool) === tool;
  for (const reason of reasons) {
    if (reason.kind === "knee")
      extra.set("knee", { slots: reason.limit, grows: false, holds: isOfTool });
    else if (reason.kind === "ramp" || reason.kind === "cool_down")
      // Behind the pause come growing waves.
      extra.set("ramp", {
        slots: reason.kind === "ramp" ? reason.allowed : allowedOf(shown, reason.upstream),
        grows: true,
        holds: (permit) => permit.upstream === reason.upstream,
      });
    else if (reason.kind === "breaker") {
      const { probes, succeeded } = trialsOf(shown, tool);
      extra.set("probes", {
        slots: probes,
        grows: true,
        // Waves begin to grow when the breaker is closed.
        firmFor: Math.max(0, probes - succeeded),
        holds: (permit) => permit.probe && isOfTool(permit),
      });
    }
  }
  return extra;
}

/** How many calls try a tool whose breaker has opened, and how many of them have succeeded. */
function trialsOf(
  { tools, troubles }: Shown,
  tool: string,
): { readonly probes: number; readonly succeeded: number } {
  const limits = readJson<Partial<GatedLimits>>(tools[tool] ?? "{}");
  const trouble = readJson<{ s?: string; ok?: number }>(troubles[`b:${tool}`] ?? "{}");
  return {
    probes: limits.breaker?.probes ?? BREAKER_PROBES,
    succeeded: trouble.s === "half" ? (trouble.ok ?? 0) : 0,
  };
}

function allowedOf({ troubles }: Shown, upstream: string): number {
  const text = troubles[`u:${upstream}`];
  return text === undefined ? Infinity : readJson<{ allowed: number }>(text).allowed;
}

function callOf(tool: string, take: Taken | undefined, extra: Extra): Call {
  const slots = listed(take?.b)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => [name, count] as const);
  const more = [...extra.keys()].map((name) => [name, 1] as const);
  return { tool, needs: take?.n ?? {}, slots: Object.fromEntries([...slots, ...more]) };
}

function machineScene(
  fields: Readonly<Record<string, string>>,
  drain: Drain | undefined,
  nowMs: number,
): MachineScene {
  const field = (name: string): number | undefined =>
    fields[name] === undefined ? undefined : Number(fields[name]);
  const others = field("c:*") ?? MACHINE_UNITS;
  return {
    capacity: (resource) =>
      others < 0
        ? Infinity
        : roomBeside(resource, field(`c:${resource}`) ?? others, field(`b:${resource}`) ?? 0),
    ...(drain === undefined || nowMs > drain.at + drain.ms
      ? {}
      : { drain: { tool: drain.tool, needs: drain.n } }),
  };
}
