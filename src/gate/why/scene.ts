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
import type { Call, MachineScene, RunningCall, Scene, Waiting } from "./forecast.ts";

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
    const gates = reasons.map((reason) =>
      reason.kind === "cool_down" || (reason.kind === "breaker" && reason.state === "open")
        ? reason.untilMs
        : 0,
    );
    const machines = new Map(
      [...this.gate.machines].map(([name, machine]) => [
        name,
        machineScene(machine, this.gate.drains.get(name), this.gate.nowMs),
      ]),
    );
    const budgets = new Map<string, { slots: number; grows?: boolean; firmFor?: number }>();
    const takes = [
      ...this.gate.permits,
      explained.take,
      ...explained.others.map(({ take }) => take),
    ];
    for (const [name] of takes.flatMap((take) => take?.budgets ?? [])) {
      const slots = budgetIn(this.gate, name)?.slots;
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
      nowMs: this.gate.nowMs,
      machines,
      budgets,
      running: this.gate.permits.map((permit) => this.#running(permit, extra)),
      line: [
        ...drained.map((drain) => inLine(drain.tool, 1, [], { needs: drain.needs, budgets: [] })),
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
    const { tool, machine } = permit;
    const call = callOf(tool, permit, new Map());
    const slots = { ...call.slots };
    for (const [name, { holds }] of extra) if (holds(permit)) slots[name] = 1;
    return { ...call, slots, machine, endsAtMs: this.endOf(permit) };
  }
}

/** A limit that is no budget, played as if it were. */
interface ExtraBudget {
  readonly slots: number;
  readonly grows: boolean;
  readonly firmFor?: number;
  readonly holds: (permit: Permit) => boolean;
}
type Extra = ReadonlyMap<string, ExtraBudget>;

function extraBudgets(queue: string, reasons: readonly Reason[], gate: GateSnapshot): Extra {
  const extra = new Map<string, ExtraBudget>();
  const tool = toolOfQueue(queue);
  const isOfTool = (permit: Permit): boolean => toolOfQueue(permit.tool) === tool;
  for (const reason of reasons) {
    if (reason.kind === "knee")
      extra.set("knee", { slots: reason.limit, grows: false, holds: isOfTool });
    else if (reason.kind === "ramp" || reason.kind === "cool_down")
      // Behind the pause come growing waves.
      extra.set("ramp", {
        slots:
          reason.kind === "ramp"
            ? reason.allowed
            : (gate.upstreams.get(reason.upstream)?.allowed ?? Infinity),
        grows: true,
        holds: (permit) => permit.upstream === reason.upstream,
      });
    else if (reason.kind === "breaker") {
      const probes = toolIn(gate, tool).breaker.probes;
      const trouble = gate.breakers.get(tool);
      const succeeded = trouble?.state === "half_open" ? trouble.succeeded : 0;
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

function callOf(tool: string, take: Taken | undefined, extra: Extra): Call {
  const slots = (take?.budgets ?? [])
    .filter(([, count]) => count > 0)
    .map(([name, count]) => [name, count] as const);
  const more = [...extra.keys()].map((name) => [name, 1] as const);
  return { tool, needs: take?.needs ?? {}, slots: Object.fromEntries([...slots, ...more]) };
}

function machineScene(
  machine: MachineState,
  drain: Drain | undefined,
  nowMs: number,
): MachineScene {
  return {
    capacity: (resource) => roomOf(machine, resource),
    ...(drain === undefined || nowMs > drain.untilMs ? {} : { drain }),
  };
}
