import type { BudgetTake } from "../../../queues/client.ts";
import type { Reason } from "../../../queues/index.ts";
import { BudgetModel, type BudgetTerms } from "./budget.ts";
import { MachineModel, type MachineTerms } from "./machine.ts";
import type { Place } from "./window.ts";

/** What a call takes: millionths of a machine by resource, and of budgets. */
export interface ModelCall {
  readonly tool: string;
  readonly units: Readonly<Record<string, number>>;
  readonly budgets: readonly BudgetTake[];
}

/** A call that is underway. */
export interface StartedCall {
  readonly call: ModelCall;
  readonly machine: MachineModel;
  readonly places: readonly (readonly Place[])[];
}

/** Calls that wait one behind another, of which the first is next. */
export interface Queued {
  readonly call: ModelCall;
  /** Where it is served; undefined: everywhere. */
  readonly machines?: ReadonlySet<string>;
}

/** Who keeps budgets from those behind it. */
type Front = ReadonlyMap<string, string>;

/**
 * The gate as a model: what the deciding script decides about slots, rate windows and machines, without Redis and by a
 * clock of its own. What is to come is foretold by it, and what a change would have done. A limit that is no budget
 * (a knee, a ramp, trial calls) is played as if it were one.
 */
export class GateModel {
  nowMs: number;
  readonly machines: readonly MachineModel[];
  readonly #byName: ReadonlyMap<string, MachineModel>;
  readonly #budgets: ReadonlyMap<string, BudgetModel>;

  constructor({
    nowMs = 0,
    machines,
    budgets,
  }: {
    readonly nowMs?: number;
    readonly machines: Iterable<readonly [name: string, terms: MachineTerms]>;
    readonly budgets: Iterable<readonly [name: string, terms: BudgetTerms]>;
  }) {
    this.nowMs = nowMs;
    this.machines = [...machines].map(([name, terms]) => new MachineModel(name, terms));
    this.#byName = new Map(this.machines.map((machine) => [machine.name, machine]));
    this.#budgets = new Map(
      [...budgets].map(([name, terms]) => [name, new BudgetModel(name, terms)]),
    );
  }

  machine(name: string): MachineModel | undefined {
    return this.#byName.get(name);
  }

  /** What keeps a call from starting on a machine; nothing: it may start. */
  refusals(call: ModelCall, machine: MachineModel): Reason[] {
    const reasons = this.#lacking(call);
    machine.refuse(call.tool, call.units, this.nowMs, (reason) => reasons.push(reason));
    return reasons;
  }

  #lacking({ tool, budgets }: ModelCall, front?: Front): Reason[] {
    const reasons: Reason[] = [];
    for (const [name, slots, units] of budgets) {
      const budget = this.#budgets.get(name);
      if (budget === undefined) continue;
      budget.refuse(slots, units, this.nowMs, (reason) => reasons.push(reason));
      const other = front?.get(name);
      if (other !== undefined && other !== tool)
        reasons.push({ kind: "behind", budget: name, tool: other });
    }
    return reasons;
  }

  #fits({ call, machines }: Queued): MachineModel[] {
    return this.machines.filter((machine) => {
      if (machines?.has(machine.name) === false) return false;
      let isFree = true;
      machine.refuse(call.tool, call.units, this.nowMs, () => (isFree = false));
      return isFree;
    });
  }

  /** A call starts, whether or not there is room for it. */
  start(call: ModelCall, machine: MachineModel): StartedCall {
    machine.take(call.tool, call.units);
    const places = call.budgets.map(
      ([name, slots, units]) => this.#budgets.get(name)?.take(slots, units, this.nowMs) ?? [],
    );
    return { call, machine, places };
  }

  end({ call, machine, places }: StartedCall): void {
    machine.giveBack(call.units);
    for (const [index, [name, slots]] of call.budgets.entries())
      this.#budgets.get(name)?.giveBack(slots, places[index]!, this.nowMs);
  }

  /**
   * Starts what may start, the first in order first, again and again. Who is kept by nothing but budgets is not overtaken
   * at them, or a costly job would wait for ever beside cheap ones.
   *
   * @param next The one whose turn it is among those that still wait, but for these; undefined: nobody.
   * @param start Is to start the next call of a queue on one of the machines that it fits; true: that is enough.
   */
  serve<Q extends Queued>(
    next: (stopped: ReadonlySet<Q>) => Q | undefined,
    start: (queue: Q, machines: readonly MachineModel[]) => boolean,
  ): void {
    const stopped = new Set<Q>();
    const front = new Map<string, string>();
    for (let queue = next(stopped); queue !== undefined; queue = next(stopped)) {
      const lacking = this.#lacking(queue.call, front);
      const machines = this.#fits(queue);
      if (lacking.length === 0 && machines.length > 0) {
        if (start(queue, machines)) return;
        continue;
      }
      stopped.add(queue);
      // What is more than there is in all is not waited for in a line.
      if (machines.length === 0 || lacking.some(({ kind }) => kind === "exceeds")) continue;
      for (const reason of lacking)
        if ("budget" in reason && !front.has(reason.budget))
          front.set(reason.budget, queue.call.tool);
    }
  }

  /** When a window that keeps a call has room for it again; Infinity: none keeps it. */
  windowOpensAt(call: ModelCall): number {
    const times = this.#lacking(call).map((reason) =>
      reason.kind === "rate" ? reason.untilMs : Infinity,
    );
    return Math.min(Infinity, ...times);
  }
}
