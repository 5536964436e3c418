import type { Reason } from "../../../queues/index.ts";

type Units = Readonly<Record<string, number>>;

/** What a machine of the model has. */
export interface MachineTerms {
  /** Millionths of a resource that are there for calls; Infinity: it has no bound. */
  readonly capacity: (resource: string) => number;
  /** It is kept for the next call of this tool. */
  readonly drain?: {
    readonly tool: string;
    readonly units: Units;
    readonly untilMs?: number;
  };
}

/** A machine, and what its calls hold. */
export class MachineModel {
  readonly name: string;
  readonly #capacity: MachineTerms["capacity"];
  #drain: MachineTerms["drain"];
  readonly #used = new Map<string, number>();
  #calls = 0;

  constructor(name: string, { capacity, drain }: MachineTerms) {
    this.name = name;
    this.#capacity = capacity;
    this.#drain = drain;
  }

  get calls(): number {
    return this.#calls;
  }

  used(resource: string): number {
    return this.#used.get(resource) ?? 0;
  }

  /** What is used of the resource of which most is. */
  get fullness(): number {
    return Math.max(0, ...this.#used.values());
  }

  /** Hands every reason why a call of a tool must not start here now to `no`. */
  refuse(tool: string, units: Units, nowMs: number, no: (reason: Reason) => void): void {
    const kept = this.#drain;
    const drain =
      kept === undefined || kept.tool === tool || nowMs > (kept.untilMs ?? Infinity)
        ? undefined
        : kept;
    // Alone on a machine everything runs, or what was over-estimated would never start.
    const isAlone = this.#calls === 0;
    if (isAlone && drain === undefined) return;
    const machine = this.name;
    for (const [resource, need] of Object.entries(units)) {
      if (need === 0) continue;
      const free = this.#capacity(resource) - this.used(resource);
      if (!isAlone && need > free)
        no({ kind: "resource", resource, machine, need, free: Math.max(0, free) });
      else if (drain !== undefined && need + (drain.units[resource] ?? 0) > free)
        no({ kind: "drain", resource, machine, tool: drain.tool });
    }
  }

  take(tool: string, units: Units): void {
    if (this.#drain?.tool === tool) this.#drain = undefined;
    this.#hold(units, 1);
  }

  giveBack(units: Units): void {
    this.#hold(units, -1);
  }

  #hold(units: Units, sign: 1 | -1): void {
    this.#calls += sign;
    for (const [resource, amount] of Object.entries(units))
      this.#used.set(resource, this.used(resource) + sign * amount);
  }
}
