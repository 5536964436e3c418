import type { Redis } from "ioredis";

import { LEARN_INTERVAL_MS, Learner } from "../../../processors/index.ts";
import { Gate, Keys, MACHINE_UNITS, ownBudget, type GatedLimits } from "../../../queues/index.ts";
import { type Caller } from "../../../queues/worker.ts";
import { takes } from "../gate/gated.ts";

const STEP_MS = 50;
const CALL_MS = 500;
/** Above its knee the service loses throughput, too. */
const LOSS = 1.35;

/** A service with a knee, in a time of its own, behind a tool that always has more to do. */
export class KneeWorld {
  #now = 10_000_000;
  readonly #random: () => number;
  readonly #gate: Gate;
  readonly #learner: Learner;
  readonly #prefix: string;
  readonly #redis: Redis;
  readonly #callers: readonly Caller[] = [
    { machine: "a", process: "a1" },
    { machine: "b", process: "b1" },
  ];
  /** Permits of running calls, with the work that is left of each. Milliseconds of an idle service. */
  readonly #running = new Map<string, number>();
  /** Calls at once that the service carries without getting slower. */
  knee = 16;
  done = 0;
  /** Answers a call with 429 instead: for how long it asks to be left alone; 0: it does not say. Null: it takes the call. */
  refuses: (underway: number) => number | null = () => null;
  /** How much longer calls take for a reason that is not the service's, and whether that is that machines are full. */
  slowness = 1;
  isFull = false;
  /** How many calls were answered so. */
  refused = 0;

  constructor(redis: Redis, prefix: string, random: () => number) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#random = random;
    const keys = new Keys(prefix);
    this.#gate = new Gate(redis, keys, () => this.#now);
    this.#learner = new Learner(redis, keys, this.#gate);
  }

  /** @param declared Concurrency that the catalogue gives the tool. Default: none. */
  async start(declared?: number): Promise<void> {
    for (const caller of this.#callers)
      await this.#gate.register(caller, 1e12, { "*": MACHINE_UNITS });
    const budgets =
      declared === undefined ? {} : { [ownBudget("ask")]: { declared: { slots: declared } } };
    const take =
      declared === undefined ? takes({}) : { ...takes({}), budgets: [[ownBudget("ask"), 1, 1]] };
    await this.#gate.configure({
      tools: { ask: { declared: { ...take, external: true, cap: 4 } as GatedLimits } },
      budgets,
    });
    await this.#redis.lpush(`${this.#prefix}:ask:wait`, "job");
    await this.#redis.hset(`${this.#prefix}:ask:job`, { timestamp: 1, data: "{}" });
  }

  /** Lets so much time pass. Returns the calls that were done, per second. */
  async pass(ms: number): Promise<number> {
    const before = this.done;
    const until = this.#now + ms;
    while (this.#now < until) {
      this.#now += STEP_MS;
      await this.#step();
      if (this.#now % LEARN_INTERVAL_MS === 0) await this.#learner.pass();
    }
    return ((this.done - before) / ms) * 1_000;
  }

  /** What the best number of calls at once would do, per second. */
  get best(): number {
    return this.knee / (CALL_MS / 1_000);
  }

  get nowMs(): number {
    return this.#now;
  }

  /** The cap that the gate goes by; null: none. */
  async cap(): Promise<number | null> {
    return (await this.#gate.show()).tools.get("ask")?.limits.cap || null;
  }

  /** Calls underway. */
  get underway(): number {
    return this.#running.size;
  }

  async #call(permit: string): Promise<void> {
    const retryAfterMs = this.refuses(this.#running.size + 1);
    if (retryAfterMs === null) {
      this.#running.set(permit, CALL_MS * (0.5 + this.#random()));
      return;
    }
    this.refused++;
    await this.#gate.release(permit, { class: "limited", retryAfterMs });
  }

  async #step(): Promise<void> {
    const slowdown = this.slowness * Math.max(1, this.#running.size / this.knee) ** LOSS;
    const over: string[] = [];
    for (const [permit, left] of this.#running) {
      this.#running.set(permit, left - STEP_MS / slowdown);
      if (left - STEP_MS / slowdown <= 0) over.push(permit);
    }
    for (const permit of over) this.#running.delete(permit);
    this.done += over.length;
    await Promise.all(
      over.map((permit) => this.#gate.release(permit, { class: "ok", own: this.isFull })),
    );
    for (let refused = false; !refused;) {
      const answers = await Promise.all(
        this.#callers.map((caller) => this.#gate.acquire("ask", caller)),
      );
      refused = answers.some(({ status }) => status !== "granted");
      for (const answer of answers)
        if (answer.status === "granted") await this.#call(answer.permit);
      // Without a knee everything would start.
      if (this.#running.size > 200) return;
    }
  }
}
