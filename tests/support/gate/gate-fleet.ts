import type { Redis } from "ioredis";

import { catalogueParts, ToolRegistry } from "../../../config/index.ts";
import { Keys } from "../../../queues/index.ts";
import type { RunView } from "../../../src/runs/view/run-view.ts";
import { Tutti } from "../../../src/tutti.ts";
import type { Plan } from "../../../src/workflow/plan/plan.ts";
import { Fleet } from "../fleets/fleet.ts";
import type { FakeApi } from "../servers/fake-api.ts";
import { eventually } from "../waiting/eventually.ts";

/** Jobs and permits of a process that died come back after this time. One that only stood still keeps them. Milliseconds. */
export const LOCK_MS = 5_000;
/** All runs of the test are at work at once: what waits, waits at the gate. */
const MAX_RUNNING = 1_000_000;

/** The line of a tool in a catalogue, whose calls go to the fake API. */
export function apiTool(id: string, more: string): string {
  return `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: true, ${more}, binding: { type: in_process } }`;
}

/** Worker processes, each a machine of its own, whose tools call a fake API; and a client for them. */
export class GateFleet implements AsyncDisposable {
  readonly tutti: Tutti;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #fleet: Fleet;
  readonly #plans = new Map<string, Plan>();
  readonly #runs: string[] = [];

  private constructor(tutti: Tutti, fleet: Fleet, redis: Redis, prefix: string) {
    this.tutti = tutti;
    this.#fleet = fleet;
    this.#redis = redis;
    this.#keys = new Keys(prefix);
  }

  /** Resolves when all processes serve. */
  static async start(
    size: number,
    where: { readonly redisUrl: string; readonly redis: Redis; readonly prefix: string },
    catalogue: string,
    api: FakeApi,
  ): Promise<GateFleet> {
    const { redisUrl, redis, prefix } = where;
    const { tools, budgets } = catalogueParts(catalogue, "test tools");
    const registry = new ToolRegistry(tools, budgets);
    const fleet = new Fleet(size, "tests/support/fleets/programs/gate-program.mjs", [
      redisUrl,
      prefix,
      catalogue,
      api.url,
      String(LOCK_MS),
    ]);
    const tutti = new Tutti({ redisUrl, prefix, registry, maxRunning: MAX_RUNNING });
    const started = new GateFleet(tutti, fleet, redis, prefix);
    await eventually(
      async () => {
        const there = (await tutti.workers()).length;
        if (there < size) throw new Error(`${there} serve; ${fleet.accidents.join("\n")}`);
      },
      { timeoutMs: 30_000 },
    );
    return started;
  }

  /** Processes that ended although nobody killed them, and what they said last. */
  get accidents(): readonly string[] {
    return this.#fleet.accidents;
  }

  /** Workflows of one step that calls once. `units` is what the API is told and what `step` says of it. */
  prepare(id: string, tool: string, units = 1, step: object = {}): void {
    const call = { id: "call", tool, with: { units }, retry: { maxAttempts: 1 }, ...step };
    this.#plans.set(id, this.tutti.prepare({ tutti: 1, id, steps: [call] }));
  }

  /** SIGKILLs one of the processes; another takes its place. */
  kill(): void {
    this.#fleet.kill(Math.random);
  }

  /** Starts runs, and returns their ids. */
  async submit(workflow: string, count = 1): Promise<readonly string[]> {
    const plan = this.#plans.get(workflow)!;
    const ids = Array.from({ length: count }, (_, index) => `r${this.#runs.length + index}`);
    this.#runs.push(...ids);
    await Promise.all(ids.map((runId) => this.tutti.submit(plan, { runId })));
    return ids;
  }

  /** Runs that have not ended. */
  open(): Promise<number> {
    return this.#redis.zcard(this.#keys.open);
  }

  /** All runs. */
  views(): Promise<readonly RunView[]> {
    return Promise.all(this.#runs.map((runId) => this.tutti.get(runId)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
    await this.tutti.close();
  }
}
