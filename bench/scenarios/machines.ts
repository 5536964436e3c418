import { KNEE_POWER, MACHINES, RESOURCES, type ScenarioTool, type Vector } from "./definitions.ts";

interface Running {
  readonly tool: ScenarioTool;
  readonly machine: number;
  /** What is left of the call when it is alone. Milliseconds. */
  leftMs: number;
  /** How much faster it would be alone. */
  slowdown: number;
  readonly done: () => void;
}

/** More than this of a resource in use counts as over-committed. */
const OVER = 1.1;

/**
 * What over-commitment costs: memory beyond what there is costs most, everything else a little more than
 * its share.
 */
function slowdownAt(used: number, resource: number): number {
  if (used <= 1) return 1;
  return RESOURCES[resource] === "memory" ? used ** 2 : used ** 1.25;
}

/** Time integrals of a machine since somebody last read them, by resource. Milliseconds. */
interface Integrals {
  ms: number;
  readonly used: number[];
  readonly waited: number[];
}

const noIntegrals = (): Integrals => ({
  ms: 0,
  used: RESOURCES.map(() => 0),
  waited: RESOURCES.map(() => 0),
});

/** Machines of this process, whose calls slow each other down when they use more than there is. */
export class Machines {
  readonly #running = new Set<Running>();
  readonly #used: number[][];
  readonly #integrals: Integrals[];
  readonly #knees = new Map<string, { readonly knee: number; readonly power: number }>();
  #sinceMs = performance.now();
  #overMs = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(count = MACHINES) {
    this.#used = Array.from({ length: count }, () => RESOURCES.map(() => 0));
    this.#integrals = Array.from({ length: count }, noIntegrals);
  }

  /** Something else runs on a machine from now on, in the place of what else ran there. */
  setBackground(machine: number, before: Vector, background: Vector): void {
    this.#advance();
    for (const [resource, share] of background.entries())
      this.#used[machine]![resource]! += share - before[resource]!;
    this.#plan();
  }

  /** How a machine was used since the last call of this: shares, and the share of the time that was lost by waiting. */
  takeUse(machine: number): { ms: number; used: Vector; waited: Vector } {
    this.#advance();
    const { ms, used, waited } = this.#integrals[machine]!;
    this.#integrals[machine] = noIntegrals();
    const meanOf = (sums: readonly number[]): Vector =>
      sums.map((sum) => (ms === 0 ? 0 : sum / ms)) as unknown as Vector;
    return { ms, used: meanOf(used), waited: meanOf(waited) };
  }

  /** @param power Beyond the knee calls take (calls at once / knee) ^ power as long. */
  setKnee(tool: string, knee: number, power = KNEE_POWER): void {
    this.#knees.set(tool, { knee, power });
    this.#turn();
  }

  /** Resolves when the call has had its time. */
  async call(machine: number, tool: ScenarioTool, aloneMs: number): Promise<void> {
    this.#advance();
    await new Promise<void>((done) => {
      this.#running.add({ tool, machine, leftMs: aloneMs, slowdown: 1, done });
      for (const [resource, share] of tool.use.entries()) this.#used[machine]![resource]! += share;
      this.#plan();
    });
  }

  /** Time in which a machine was over-committed, over all machines. Milliseconds. */
  get overMs(): number {
    this.#advance();
    return this.#overMs;
  }

  #kneeOf({ id, knee }: ScenarioTool): { knee: number; power: number } | undefined {
    return this.#knees.get(id) ?? (knee === undefined ? undefined : { knee, power: KNEE_POWER });
  }

  #turn(): void {
    this.#advance();
    for (const call of this.#running) {
      // A timer may ring a hair early.
      if (call.leftMs > 0.5) continue;
      this.#running.delete(call);
      for (const [resource, share] of call.tool.use.entries())
        this.#used[call.machine]![resource]! -= share;
      call.done();
    }
    this.#plan();
  }

  #advance(): void {
    const nowMs = performance.now();
    const passedMs = nowMs - this.#sinceMs;
    this.#sinceMs = nowMs;
    for (const call of this.#running) call.leftMs -= passedMs / call.slowdown;
    for (const [machine, used] of this.#used.entries()) {
      if (Math.max(...used) > OVER) this.#overMs += passedMs;
      const integrals = this.#integrals[machine]!;
      integrals.ms += passedMs;
      for (const [resource, share] of used.entries()) {
        integrals.used[resource]! += Math.min(1, share) * passedMs;
        integrals.waited[resource]! += (share > 1 ? 1 - 1 / share : 0) * passedMs;
      }
    }
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const atService = new Map<string, number>();
    for (const { tool } of this.#running)
      if (this.#kneeOf(tool) !== undefined)
        atService.set(tool.id, (atService.get(tool.id) ?? 0) + 1);
    let nextMs = Infinity;
    for (const call of this.#running) {
      const { tool, machine } = call;
      let slowdown = 1;
      for (const [resource, share] of tool.use.entries())
        if (share > 0)
          slowdown = Math.max(slowdown, slowdownAt(this.#used[machine]![resource]!, resource));
      const knee = this.#kneeOf(tool);
      const calls = atService.get(tool.id) ?? 0;
      if (knee !== undefined && calls > knee.knee) slowdown *= (calls / knee.knee) ** knee.power;
      call.slowdown = slowdown;
      nextMs = Math.min(nextMs, call.leftMs * slowdown);
    }
    if (nextMs < Infinity) this.#timer = setTimeout(() => this.#turn(), Math.max(0, nextMs));
  }
}
