import type { Redis } from "ioredis";

import { type ToolLimits } from "../../../queues/client.ts";
import { Gate, Keys, type BudgetLimits } from "../../../queues/index.ts";
import { type Acquired } from "../../../queues/worker.ts";

interface ModelPermit {
  readonly id: string;
  readonly tool: string;
  readonly machine: string;
  readonly process: string;
  /** When its call ends. */
  readonly endsAtMs: number;
}

interface ModelProcess {
  readonly machine: string;
  readonly process: string;
  /** Tools it was refused for, and when it asks again. */
  readonly waiting: Map<string, number>;
  leaseUntilMs: number;
}

const RESOURCES = ["cpu", "memory", "network"] as const;
const LEASE_MS = 30_000;
/** Jobs of a tool that wait at the same time. */
const BACKLOG = 10;

/** What was looked at, for those who want to know that something was. */
export interface ModelReport {
  readonly events: number;
  readonly grants: number;
  readonly refusals: number;
  readonly deaths: number;
  readonly changes: number;
  /** The longest time that a job waited whose tool takes of no rate. Milliseconds. */
  readonly longestWaitMs: number;
  /** The same for the tool that needs most of a machine. */
  readonly longestBigMs: number;
}

/**
 * Processes on machines that take jobs at random, in the time of a clock of their own, through the real
 * scripts. What is believed is counted here a second time, and compared.
 */
export class GateModel {
  #now = 1_000_000;
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #random: () => number;
  readonly gate: Gate;
  readonly tools: Readonly<Record<string, ToolLimits>>;
  readonly #budgets: Record<string, BudgetLimits>;
  readonly #capacity = new Map<string, number>();
  #processes: ModelProcess[] = [];
  readonly #permits = new Map<string, ModelPermit>();
  readonly #log = new Map<string, { atMs: number; units: number }[]>();
  readonly #addedAtMs = new Map<string, number>();
  readonly #waiting = new Map<string, number>();
  #jobs = 0;
  #count = 0;
  readonly #report = {
    events: 0,
    grants: 0,
    refusals: 0,
    deaths: 0,
    changes: 0,
    longestWaitMs: 0,
    longestBigMs: 0,
  };

  /** Processes die, and limits and capacities change. */
  readonly #rough: boolean;

  constructor(redis: Redis, prefix: string, random: () => number, rough = true) {
    this.#rough = rough;
    this.#redis = redis;
    this.#prefix = prefix;
    this.#random = random;
    this.gate = new Gate(redis, new Keys(prefix), () => this.#now);
    this.#budgets = {
      gpu: { slots: 3 },
      db: { slots: 5 },
      api: {
        rates: [
          [10, 1_000],
          [100, 60_000],
        ],
      },
      tokens: { slots: 4, rates: [[1_000, 10_000]] },
    };
    this.tools = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [`t${index}`, this.#randomLimits(index)]),
    );
  }

  async start(): Promise<void> {
    for (const machine of ["a", "b", "c"]) for (let n = 0; n < 2; n++) await this.#arrive(machine);
    const declared = <T>(layers: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(layers).map(([id, one]) => [id, { declared: one }]));
    await this.gate.configure({ tools: declared(this.tools), budgets: declared(this.#budgets) });
  }

  /** Plays about so many events. @throws when an invariant does not hold. */
  async play(events: number): Promise<ModelReport> {
    const until = this.#report.events + events;
    while (this.#report.events < until) {
      this.#now += Math.floor(this.#random() * 60);
      if (this.#random() < 0.9) await this.#addJobs();
      await this.#round();
      if (this.#rough && this.#random() < 0.01) await this.#change();
      if (this.#rough && this.#random() < 0.003) await this.#die();
      if (this.#random() < 0.02) await this.#compare();
    }
    return this.#report;
  }

  /** Lets everything end; nothing may be left. */
  async drain(): Promise<void> {
    await this.#redis.del(
      ...Object.keys(this.tools).map((tool) => this.#queue(tool, "prioritized")),
    );
    this.#now += 61_000;
    for (const process of this.#processes) await this.gate.renew(process, LEASE_MS);
    await this.#end([...this.#permits.values()]);
    for (const process of this.#processes) await this.gate.leave(process);
    this.#now += 61_000;
    const { permits, used, running, claims } = await this.gate.show();
    const slots = [...used].filter(([, use]) => use.slots > 0);
    const left = [...permits, ...slots, ...running, ...claims];
    if (left.length > 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
  }

  #randomLimits(index: number): ToolLimits {
    const share = (): number => Math.floor((0.05 + 0.4 * this.#random()) * 1e6);
    const needs = Object.fromEntries(
      RESOURCES.filter(() => this.#random() < 0.6).map((name) => [name, share()]),
    );
    // One is big: the others must not starve it.
    if (index === 0) return { needs: { cpu: 800_000 }, budgets: [], upstream: "t0", importance: 1 };
    const budgets = Object.keys(this.#budgets)
      .filter(() => this.#random() < 0.2)
      .map(
        (name) =>
          [name, 1 + Math.floor(this.#random() * 2), 1 + Math.floor(this.#random() * 5)] as const,
      );
    return { needs, budgets, upstream: `t${index}`, importance: 1 };
  }

  async #arrive(machine: string): Promise<void> {
    const process = {
      machine,
      process: `${machine}${++this.#count}`,
      waiting: new Map<string, number>(),
      leaseUntilMs: this.#now + LEASE_MS,
    };
    this.#processes.push(process);
    this.#capacity.set(machine, 1_000_000);
    await this.gate.register(process, LEASE_MS, { "*": 1_000_000 });
  }

  #queue(tool: string, what: string): string {
    return `${this.#prefix}:${tool}:${what}`;
  }

  async #addJobs(): Promise<void> {
    const pipeline = this.#redis.pipeline();
    for (let n = 0; n < 8; n++) {
      const tool = `t${Math.floor(this.#random() * 12)}`;
      const waiting = this.#waiting.get(tool) ?? 0;
      if (waiting >= BACKLOG) continue;
      this.#waiting.set(tool, waiting + 1);
      const id = `j${++this.#jobs}`;
      // As fair tags do: they grow with time, and differ by class.
      const priority = Math.floor(this.#now / 10) + Math.floor(this.#random() * 1_000);
      this.#addedAtMs.set(id, this.#now);
      pipeline.hset(this.#queue(tool, id), { timestamp: this.#now, priority, data: "{}" });
      pipeline.zadd(this.#queue(tool, "prioritized"), priority * 2 ** 32 + this.#jobs, id);
    }
    await pipeline.exec();
  }

  /** Every process does something; what is over ends. */
  async #round(): Promise<void> {
    await this.#end([...this.#permits.values()].filter(({ endsAtMs }) => endsAtMs <= this.#now));
    const { permits } = await this.gate.show();
    const offered = new Set(
      permits.flatMap((one) => (one.isOffered ? [`${one.process} ${one.tool}`] : [])),
    );
    // A process asks for a tool with an offer, when it was refused a while ago, and else as its queue stirs.
    const asked = this.#processes.flatMap((process) =>
      Object.keys(this.tools)
        .filter((tool) => {
          if (offered.has(`${process.process} ${tool}`)) return true;
          const again = process.waiting.get(tool);
          return again === undefined ? this.#random() < 0.2 : again <= this.#now;
        })
        .map((tool) => ({ process, tool })),
    );
    for (const process of this.#processes) {
      if (process.leaseUntilMs - this.#now > LEASE_MS / 2) continue;
      process.leaseUntilMs = this.#now + LEASE_MS;
      await this.gate.renew(process, LEASE_MS);
    }
    const answers = await Promise.all(
      asked.map(async ({ process, tool }) => ({
        process,
        tool,
        answer: await this.gate.acquire(tool, process),
      })),
    );
    this.#report.events += answers.length;
    for (const one of answers) await this.#take(one.process, one.tool, one.answer);
  }

  async #take(process: ModelProcess, tool: string, answer: Acquired): Promise<void> {
    process.waiting.delete(tool);
    if (answer.status === "refused") {
      this.#report.refusals++;
      process.waiting.set(tool, this.#now + 1_000);
    }
    if (answer.status !== "granted") return;
    this.#report.grants++;
    const [job] = await this.#redis.zpopmin(this.#queue(tool, "prioritized"));
    this.#check(process.machine, tool);
    const permit = {
      id: answer.permit,
      tool,
      ...process,
      endsAtMs: this.#now + 20 + Math.floor(this.#random() * 400),
    };
    if (job === undefined) {
      await this.gate.release(answer.permit, { class: "none", unused: true });
      return;
    }
    await this.#redis.del(this.#queue(tool, job));
    this.#noteWait(tool, this.#now - this.#addedAtMs.get(job)!);
    this.#addedAtMs.delete(job);
    this.#waiting.set(tool, this.#waiting.get(tool)! - 1);
    for (const [budget, , units] of this.tools[tool]!.budgets) {
      const log = this.#log.get(budget) ?? [];
      log.push({ atMs: this.#now, units });
      this.#log.set(budget, log);
    }
    this.#permits.set(permit.id, permit);
    this.#checkRates(tool);
  }

  async #end(permits: readonly ModelPermit[]): Promise<void> {
    for (const { id } of permits) this.#permits.delete(id);
    await Promise.all(
      permits.map(async ({ id, tool, machine, process }) => {
        this.#report.events++;
        const owner = this.#processes.find((one) => one.process === process);
        const next =
          owner !== undefined && this.#random() < 0.5 ? { tool, machine, process } : undefined;
        const granted = await this.gate.release(id, { class: "ok" }, next);
        if (granted !== null && owner !== undefined)
          await this.#take(owner, tool, { status: "granted", ...granted });
      }),
    );
  }

  #held(machine: string): ModelPermit[] {
    return [...this.#permits.values()].filter((permit) => permit.machine === machine);
  }

  /** What the permits hold and the one that was just given must fit, or it is alone. */
  #check(machine: string, tool: string): void {
    const held = this.#held(machine);
    if (held.length > 0) {
      for (const resource of RESOURCES) {
        const mine = this.tools[tool]!.needs[resource] ?? 0;
        const sum = held.reduce(
          (all, one) => all + (this.tools[one.tool]!.needs[resource] ?? 0),
          mine,
        );
        if (mine > 0 && sum > this.#capacity.get(machine)!)
          throw new Error(
            `${machine} holds ${sum} of ${resource}, and has ${this.#capacity.get(machine)}`,
          );
      }
    }
    for (const [budget, mine] of this.tools[tool]!.budgets) {
      const { slots } = this.#budgets[budget]!;
      const sum = [...this.#permits.values()].reduce(
        (all, one) =>
          all + (this.tools[one.tool]!.budgets.find(([name]) => name === budget)?.[1] ?? 0),
        mine,
      );
      if (slots !== undefined && sum > slots)
        throw new Error(`${sum} of ${slots} slots of ${budget}`);
    }
  }

  #checkRates(tool: string): void {
    for (const [budget] of this.tools[tool]!.budgets) {
      const log = (this.#log.get(budget) ?? []).filter(({ atMs }) => atMs > this.#now - 60_000);
      this.#log.set(budget, log);
      for (const [max, durationMs] of this.#budgets[budget]!.rates ?? []) {
        const units = log
          .filter(({ atMs }) => atMs > this.#now - durationMs)
          .reduce((all, one) => all + one.units, 0);
        if (units > max)
          throw new Error(`${units} of ${max} units of ${budget} in ${durationMs} ms`);
      }
    }
  }

  /** Capacities and limits change while everything runs. */
  async #change(): Promise<void> {
    this.#report.changes++;
    if (this.#random() < 0.5) {
      const machine = ["a", "b", "c"][Math.floor(this.#random() * 3)]!;
      const capacity = 500_000 + Math.floor(this.#random() * 500_000);
      this.#capacity.set(machine, capacity);
      await this.gate.configure({ machines: { [machine]: { capacity: { "*": capacity } } } });
    } else {
      const slots = 2 + Math.floor(this.#random() * 4);
      this.#budgets["gpu"] = { slots };
      await this.gate.configure({ budgets: { gpu: { set: { slots } } } });
    }
  }

  /** A process is killed: its permits stand until its lease is over. */
  async #die(): Promise<void> {
    const index = Math.floor(this.#random() * this.#processes.length);
    const [dead] = this.#processes.splice(index, 1);
    this.#report.deaths++;
    // Nobody releases them; they hold until the lease is over, and the model lets go as late as that.
    for (const permit of this.#permits.values())
      if (permit.process === dead!.process)
        this.#permits.set(permit.id, { ...permit, endsAtMs: dead!.leaseUntilMs });
    await this.#arrive(dead!.machine);
  }

  /** The counters in Redis say what the permits say, and whoever waits has a reason. */
  async #compare(): Promise<void> {
    const shown = await this.gate.show();
    const sums = new Map<string, number>();
    const add = (name: string, amount: number): void => {
      sums.set(name, (sums.get(name) ?? 0) + amount);
    };
    const check = (name: string, value: number): void => {
      if ((sums.get(name) ?? 0) !== value)
        throw new Error(`${name} says ${value}, its permits ${sums.get(name)}`);
    };
    for (const { machine, units, budgets } of shown.permits) {
      add(`calls of ${machine}`, 1);
      for (const [resource, amount] of Object.entries(units))
        add(`${resource} of ${machine}`, amount);
      for (const [budget, slots] of budgets) add(budget, slots);
    }
    for (const [machine, { calls, used }] of shown.machines) {
      check(`calls of ${machine}`, calls);
      for (const [resource, units] of Object.entries(used))
        check(`${resource} of ${machine}`, units);
    }
    for (const [budget, { slots }] of shown.used) check(budget, slots);
    for (const claim of shown.claims) {
      const { tool, machine, label, labelSinceMs, untilMs } = claim;
      if (shown.permits.some((one) => one.tool === tool && one.isOffered)) continue;
      // Who waits for a time knows it, and asks again by itself; here it does so within a second.
      if (untilMs > 0 && untilMs <= this.#now && this.#now - untilMs < 1_000) continue;
      // A machine is kept for so long and no longer: who waits for the time asks again by itself.
      if (label?.startsWith("drain") === true && this.#now - labelSinceMs! < 1_000) continue;
      const explained = await this.gate.explain(tool);
      if (explained.waiting > 0 && explained.machines[machine]?.length === 0)
        throw new Error(`${tool} waits on ${machine} without a reason: ${JSON.stringify(claim)}`);
    }
  }

  #noteWait(tool: string, ms: number): void {
    const { budgets } = this.tools[tool]!;
    if (budgets.some(([name]) => this.#budgets[name]!.rates !== undefined)) return;
    this.#report.longestWaitMs = Math.max(this.#report.longestWaitMs, ms);
    if (tool === "t0") this.#report.longestBigMs = Math.max(this.#report.longestBigMs, ms);
  }
}
