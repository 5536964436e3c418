import type { Redis } from "ioredis";

import { Learner } from "../../../processors/index.ts";
import { Gate, Keys, MACHINE_UNITS } from "../../../queues/index.ts";
import { runningBetween, type Busy, type Caller, type UsageWord } from "../../../queues/worker.ts";
import { takes } from "../gate/gated.ts";

/** A step of the world's time. Milliseconds. */
const STEP_MS = 100;
const PASS_MS = 5_000;
const SERVICE_MS = 1_000;

interface SimulatedTool {
  readonly id: string;
  readonly declared: number;
  readonly real: number;
}

/**
 * Machines with tools whose declared shares are wrong by 0.6 to 1.6, in a time of their own: calls start
 * through the real gate, the machines say what the running calls really use, with noise, and the real
 * learner makes its passes.
 */
export class LearningWorld {
  #now = 10_000_000;
  readonly #redis: Redis;
  readonly #keys: Keys;
  readonly #random: () => number;
  readonly #gate: Gate;
  readonly #learner: Learner;
  readonly #callers: readonly Caller[];
  readonly #running = new Map<string, { tool: SimulatedTool; machine: string; endsAtMs: number }>();
  readonly #used = new Map<string, number>();
  readonly #busy = new Map<string, Busy>();
  readonly tools: readonly SimulatedTool[];
  /** What else runs on the first machine. */
  neighbor = 0;

  constructor(redis: Redis, prefix: string, random: () => number, machines = 4, tools = 16) {
    this.#redis = redis;
    this.#keys = new Keys(prefix);
    this.#random = random;
    this.#gate = new Gate(redis, this.#keys, () => this.#now);
    this.#learner = new Learner(redis, this.#keys, this.#gate);
    this.#callers = Array.from({ length: machines }, (_, index) => ({
      machine: `m${index}`,
      process: `p${index}`,
    }));
    this.tools = Array.from({ length: tools }, (_, index) => {
      const real = 0.05 + 0.2 * random();
      return { id: `t${index}`, real, declared: Math.min(1, real * (0.6 + random())) };
    });
  }

  async start(): Promise<void> {
    for (const caller of this.#callers)
      await this.#gate.register(caller, 1e12, { "*": MACHINE_UNITS });
    await this.#gate.configure({
      tools: Object.fromEntries(
        this.tools.map(({ id, declared }) => [
          id,
          { declared: { ...takes({ cpu: declared }), serviceMs: 3 * SERVICE_MS } },
        ]),
      ),
    });
    for (const { id } of this.tools) {
      await this.#redis.lpush(`${this.#keys.prefix}:${id}:wait`, "job");
      await this.#redis.hset(`${this.#keys.prefix}:${id}:job`, { timestamp: 1, data: "{}" });
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.#now + ms;
    while (this.#now < until) {
      this.#now += STEP_MS;
      await this.#step();
      if (this.#now % PASS_MS === 0) await this.#learn();
    }
  }

  /** Mean of |ln(believed / real)| over the tools. */
  async error(): Promise<number> {
    const believed = await this.#believed("needs");
    const errors = this.tools.map(({ id, real }) =>
      Math.abs(Math.log((believed.get(id)?.["cpu"] ?? 0) / MACHINE_UNITS / real)),
    );
    return errors.reduce((a, b) => a + b, 0) / errors.length;
  }

  /** What the gate believes of service times. Milliseconds by tool. */
  async serviceMs(): Promise<number[]> {
    const { tools } = await this.#gate.show();
    return [...tools.values()].map(({ limits }) => limits.serviceMs!);
  }

  /** What the gate takes for use by others of the first machine. */
  async background(): Promise<number> {
    const { machines } = await this.#gate.show();
    return (machines.get("m0")?.background["cpu"] ?? 0) / MACHINE_UNITS;
  }

  async #believed(field: "needs"): Promise<Map<string, Record<string, number>>> {
    const { tools } = await this.#gate.show();
    return new Map([...tools].map(([id, { limits }]) => [id, limits[field]]));
  }

  async #step(): Promise<void> {
    const over = [...this.#running].filter(([, { endsAtMs }]) => endsAtMs <= this.#now);
    for (const [permit] of over) this.#running.delete(permit);
    await Promise.all(over.map(([permit]) => this.#gate.release(permit, { class: "ok" })));
    const wanted = this.#callers.flatMap((caller) =>
      Array.from({ length: 3 }, () => ({
        caller,
        tool: this.tools[Math.floor(this.#random() * this.tools.length)]!,
      })),
    );
    const answers = await Promise.all(
      wanted.map(({ caller, tool }) => this.#gate.acquire(tool.id, caller)),
    );
    for (const [index, answer] of answers.entries()) {
      if (answer.status !== "granted") continue;
      const { caller, tool } = wanted[index]!;
      const endsAtMs = this.#now + SERVICE_MS * (0.5 + this.#random());
      this.#running.set(answer.permit, { tool, machine: caller.machine, endsAtMs });
      // The next job of its queue is a later one.
      const job = `${this.#keys.prefix}:${tool.id}:job`;
      await this.#redis.hset(job, { timestamp: this.#now });
    }
    for (const { machine } of this.#callers) {
      const use = [...this.#running.values()]
        .filter((call) => call.machine === machine)
        .reduce((sum, { tool }) => sum + tool.real, machine === "m0" ? this.neighbor : 0);
      this.#used.set(machine, (this.#used.get(machine) ?? 0) + Math.min(1, use) * STEP_MS);
    }
  }

  async #learn(): Promise<void> {
    for (const { machine } of this.#callers) {
      const noise = 1 + 0.03 * (this.#random() + this.#random() + this.#random() - 1.5) * 2;
      const cpu = ((this.#used.get(machine) ?? 0) / PASS_MS) * noise;
      this.#used.set(machine, 0);
      const unknown = { memory: null, network: null, storage: null };
      const before = this.#busy.get(machine);
      const after = await this.#gate.busy(machine);
      this.#busy.set(machine, after);
      if (before === undefined) continue;
      const word: UsageWord = {
        running: runningBetween(before, after),
        usage: { cpu, ...unknown },
        pressure: { cpu: null, ...unknown },
        windowMs: PASS_MS,
        atMs: this.#now,
      };
      await this.#redis.hset(this.#keys.usage, machine, JSON.stringify(word));
    }
    await this.#learner.pass();
  }
}
