import { KNEE_POWER, MACHINES, RESOURCES, type ScenarioTool } from "./definitions.ts";

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

/** Machines of this process, whose calls slow each other down when they use more than there is. */
export class Machines {
  readonly #running = new Set<Running>();
  readonly #used = Array.from({ length: MACHINES }, () => RESOURCES.map(() => 0));
  readonly #knees = new Map<string, number>();
  #sinceMs = performance.now();
  #overMs = 0;
  #timer: NodeJS.Timeout | undefined;

  setKnee(tool: string, knee: number): void {
    this.#knees.set(tool, knee);
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
    for (const used of this.#used) if (Math.max(...used) > OVER) this.#overMs += passedMs;
  }

  #plan(): void {
    clearTimeout(this.#timer);
    const atService = new Map<string, number>();
    for (const { tool } of this.#running)
      if (tool.knee !== undefined) atService.set(tool.id, (atService.get(tool.id) ?? 0) + 1);
    let nextMs = Infinity;
    for (const call of this.#running) {
      const { tool, machine } = call;
      let slowdown = 1;
      for (const [resource, share] of tool.use.entries())
        if (share > 0)
          slowdown = Math.max(slowdown, slowdownAt(this.#used[machine]![resource]!, resource));
      const knee = this.#knees.get(tool.id) ?? tool.knee;
      const calls = atService.get(tool.id) ?? 0;
      if (knee !== undefined && calls > knee) slowdown *= (calls / knee) ** KNEE_POWER;
      call.slowdown = slowdown;
      nextMs = Math.min(nextMs, call.leftMs * slowdown);
    }
    if (nextMs < Infinity) this.#timer = setTimeout(() => this.#turn(), Math.max(0, nextMs));
  }
}
