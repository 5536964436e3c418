import {
  budgetIn,
  roomOf,
  toolIn,
  type Drain,
  type Explained,
  type GateSnapshot,
  type MachineState,
  type Permit,
  type Rank,
  type Service,
  type Taken,
  type WorkerInfo,
} from "../../../queues/client.ts";
import { toolOfQueue, type Reason } from "../../../queues/index.ts";
import type { BudgetTerms } from "../model/budget.ts";
import type { MachineTerms } from "../model/machine.ts";
import type { Call, Scene, Waiting } from "./forecast.ts";

/** A call that has taken this much longer than others do may take any time. */
const OVERDUE = 2;

/** What the gate knew at one moment, read once for everything that is asked about it. */
export class Moment {
  readonly gate: GateSnapshot;
  readonly #workers: readonly WorkerInfo[];

  constructor(gate: GateSnapshot, workers: readonly WorkerInfo[]) {
    this.gate = gate;
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

  /** How long calls take; undefined when nobody knows. */
  service(tool: string): Service | undefined {
    return this.gate.services.get(toolOfQueue(tool));
  }

  /** Mean time of a call; Infinity when nobody knows. Milliseconds. */
  serviceMs(tool: string): number {
    return this.service(tool)?.meanMs ?? Infinity;
  }

  /** When the call behind a permit ends; Infinity when nobody knows. */
  endOf({ tool, sinceMs }: Permit): number {
    const meanMs = this.serviceMs(tool);
    const elapsedMs = this.gate.nowMs - sinceMs;
    return elapsedMs > OVERDUE * meanMs ? Infinity : Math.max(this.gate.nowMs, sinceMs + meanMs);
  }

  /** What is there, what runs, and who is in line, with `calls` calls of the tool. */
  scene(tool: string, explained: Explained, calls: number): Scene {
    const reasons = Object.values(explained.machines).flat();
    const extra = extraBudgets(tool, reasons, this.gate);
    const machines = new Map(
      [...this.gate.machines].map(([name, machine]) => [
        name,
        machineScene(machine, this.gate.drains.get(name), this.gate.nowMs),
      ]),
    );
    const budgets = new Map<string, BudgetTerms>();
    const takes = [
      ...this.gate.permits,
      explained.take,
      ...explained.others.map(({ take }) => take),
    ];
    for (const [name] of takes.flatMap((take) => take?.budgets ?? [])) {
      const slots = budgetIn(this.gate, name)?.slots;
      if (slots !== undefined) budgets.set(name, { slots });
    }
    for (const { name, terms } of extra) budgets.set(name, terms);
    const drained = [...machines.values()].flatMap(({ drain }) =>
      drain === undefined || drain.tool === tool ? [] : [drain],
    );
    const inLine = (
      other: string,
      count: number,
      ranks: readonly Rank[],
      take: Taken | undefined,
    ): Waiting => {
      const own = extra.filter(({ concerns }) => concerns(other));
      return {
        ...callOf(other, take, own),
        count,
        ranks,
        machines: this.serving(other),
        serviceMs: this.serviceMs(other),
        notBeforeMs: Math.max(0, ...own.map(({ fromMs }) => fromMs)),
      };
    };
    return {
      nowMs: this.gate.nowMs,
      machines,
      budgets,
      running: this.gate.permits.map((permit) => ({
        ...callOf(
          permit.tool,
          permit,
          extra.filter(({ holds }) => holds(permit)),
        ),
        machine: permit.machine,
        endsAtMs: this.endOf(permit),
      })),
      line: [
        ...drained.map((drain) => inLine(drain.tool, 1, [], { units: drain.units, budgets: [] })),
        ...explained.others
          .filter((one) => !drained.some((drain) => drain.tool === one.tool))
          .map((one) => inLine(one.tool, one.ranks.length, one.ranks, one.take)),
        inLine(tool, calls, explained.ranks, explained.take),
      ],
    };
  }
}

/** A limit that is no budget, played as if it were. */
interface ExtraBudget {
  readonly name: string;
  readonly terms: BudgetTerms;
  /** Nothing that takes of it starts before this time. */
  readonly fromMs: number;
  /** Whether calls of a queue take of it. */
  readonly concerns: (queue: string) => boolean;
  readonly holds: (permit: Permit) => boolean;
}

function extraBudgets(
  queue: string,
  reasons: readonly Reason[],
  gate: GateSnapshot,
): readonly ExtraBudget[] {
  const extra = new Map<string, ExtraBudget>();
  const tool = toolOfQueue(queue);
  const isOfTool = (other: string): boolean => toolOfQueue(other) === tool;
  for (const reason of reasons) {
    if (reason.kind === "knee")
      extra.set("knee", {
        name: "knee",
        terms: { slots: reason.limit },
        fromMs: 0,
        concerns: isOfTool,
        holds: (permit) => isOfTool(permit.tool),
      });
    else if (reason.kind === "ramp" || reason.kind === "cool_down") {
      const { upstream } = reason;
      const allowed =
        reason.kind === "ramp" ? reason.allowed : gate.upstreams.get(upstream)?.allowed;
      extra.set("ramp", {
        name: "ramp",
        // Behind the pause come growing waves.
        terms: { slots: allowed ?? Infinity, grows: true },
        fromMs: reason.kind === "ramp" ? 0 : reason.untilMs,
        concerns: (other) => toolIn(gate, toolOfQueue(other)).limits.upstream === upstream,
        holds: (permit) => permit.upstream === upstream,
      });
    } else if (reason.kind === "breaker") {
      const { probes } = toolIn(gate, tool).breaker;
      const trouble = gate.breakers.get(tool);
      const succeeded = trouble?.state === "half_open" ? trouble.succeeded : 0;
      extra.set("probes", {
        name: "probes",
        // Waves begin to grow when the breaker is closed.
        terms: { slots: probes, grows: true, firmFor: Math.max(0, probes - succeeded) },
        fromMs: reason.state === "open" ? reason.untilMs : 0,
        concerns: isOfTool,
        holds: (permit) => permit.probe && isOfTool(permit.tool),
      });
    }
  }
  return [...extra.values()];
}

function callOf(tool: string, take: Taken | undefined, extra: readonly ExtraBudget[]): Call {
  const slots = (take?.budgets ?? [])
    .filter(([, count]) => count > 0)
    .map(([name, count]) => [name, count] as const);
  const more = extra.map(({ name }) => [name, 1] as const);
  return { tool, units: take?.units ?? {}, slots: Object.fromEntries([...slots, ...more]) };
}

function machineScene(
  machine: MachineState,
  drain: Drain | undefined,
  nowMs: number,
): MachineTerms {
  return {
    capacity: (resource) => roomOf(machine, resource),
    ...(drain === undefined || nowMs > drain.untilMs ? {} : { drain }),
  };
}
