import * as fc from "fast-check";
import type { Redis } from "ioredis";

import { roomOf, type BudgetTake } from "../../../queues/client.ts";
import {
  Gate,
  Keys,
  type BudgetLimits,
  type GatedLimits,
  type Reason,
} from "../../../queues/index.ts";
import { GateModel, type StartedCall } from "../../../src/gate/model/model.ts";
import { keepMachine } from "./gate-stored.ts";

const TOOLS = ["a", "b", "c", "d"] as const;
/** The tool that machines may be kept for. */
const DRAINED = "a";
const MACHINES = ["m", "n"] as const;
const BUDGETS = ["gpu", "api", "both"] as const;
const BEGAN_MS = 1_000_000_000;
const FOR_EVER_MS = 1_000_000_000;

/** Limits, and what happens under them. */
export interface Twins {
  readonly tools: Readonly<Record<string, Pick<GatedLimits, "needs" | "budgets" | "cap">>>;
  readonly budgets: Readonly<Record<string, BudgetLimits>>;
  readonly machines: readonly {
    readonly capacity: number | null;
    readonly background: number;
    /** Kept for a tool for so long. */
    readonly drainMs: number | null;
  }[];
  readonly moves: readonly Move[];
}

type Move =
  | { readonly move: "ask"; readonly tool: string; readonly machine: string }
  | { readonly move: "end"; readonly which: number }
  | { readonly move: "wait"; readonly ms: number };

const share = fc.integer({ min: 0, max: 700_000 });
const window = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.constantFrom(50, 1_000, 20_000));
const takes = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom(...BUDGETS),
    fc.integer({ min: 0, max: 3 }),
    fc.integer({ min: 0, max: 3 }),
  ) as fc.Arbitrary<BudgetTake>,
  { selector: ([name]) => name, maxLength: 3 },
);
const anyTool = fc.record({
  needs: fc.dictionary(fc.constantFrom("cpu", "memory"), share, { noNullPrototype: true }),
  budgets: takes,
  cap: fc.option(fc.integer({ min: 1, max: 4 }), { nil: false as const, freq: 4 }),
});
const anyBudget = fc.record(
  {
    slots: fc.integer({ min: 1, max: 6 }),
    rates: fc.uniqueArray(window, { selector: ([, ms]) => ms, maxLength: 2 }),
  },
  { noNullPrototype: true, requiredKeys: [] },
);
const anyMachine = fc.record({
  capacity: fc.option(fc.integer({ min: 300_000, max: 1_500_000 }), { nil: null, freq: 8 }),
  background: fc.integer({ min: 0, max: 900_000 }),
  drainMs: fc.option(fc.integer({ min: 1, max: 3_000 }), { nil: null, freq: 2 }),
});
const anyMove: fc.Arbitrary<Move> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      move: fc.constant("ask" as const),
      tool: fc.constantFrom(...TOOLS),
      machine: fc.constantFrom(...MACHINES),
    }),
  },
  { weight: 2, arbitrary: fc.record({ move: fc.constant("end" as const), which: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      move: fc.constant("wait" as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 120 }), fc.integer({ min: 0, max: 3_000 })),
    }),
  },
);

const each = <T>(names: readonly string[], one: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc.record(Object.fromEntries(names.map((name) => [name, one])), { noNullPrototype: true });

/** Any limits of some tools, budgets and machines, and any moves. */
export const anyTwins: fc.Arbitrary<Twins> = fc.record({
  tools: each(TOOLS, anyTool),
  budgets: each(BUDGETS, anyBudget),
  machines: fc.tuple(anyMachine, anyMachine),
  moves: fc.array(anyMove, { minLength: 5, maxLength: 25 }),
});

const kneeOf = (tool: string): string => `knee of ${tool}`;

/** A gate in Redis and a model of it, to which the same happens. */
export class TwinGates {
  #now = BEGAN_MS;
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #gate: Gate;
  readonly #model: GateModel;
  readonly #twins: Twins;
  readonly #running: { permit: string; call: StartedCall }[] = [];
  #jobs = 0;
  /** What was seen on the way, so that a test can tell that there was something to see. */
  readonly kinds = new Set<Reason["kind"] | "granted">();

  constructor(redis: Redis, prefix: string, twins: Twins) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#twins = twins;
    this.#gate = new Gate(redis, new Keys(prefix), () => this.#now);
    const { tools, budgets, machines } = twins;
    const knees = Object.entries(tools).flatMap(([tool, { cap }]) =>
      cap ? [[kneeOf(tool), { slots: cap }] as const] : [],
    );
    this.#model = new GateModel({
      nowMs: BEGAN_MS,
      budgets: [...Object.entries(budgets), ...knees],
      machines: machines.map(({ capacity, background, drainMs }, index) => {
        const machine = { capacity: {}, others: capacity, background: { cpu: background } };
        return [
          MACHINES[index]!,
          {
            capacity: (resource: string) => roomOf(machine, resource),
            ...(drainMs === null
              ? {}
              : {
                  drain: {
                    tool: DRAINED,
                    units: tools[DRAINED]!.needs,
                    untilMs: BEGAN_MS + drainMs,
                  },
                }),
          },
        ] as const;
      }),
    });
  }

  async play(): Promise<void> {
    await this.#open();
    await this.#compare();
    for (const move of this.#twins.moves) {
      await this.#move(move);
      await this.#compare();
    }
  }

  async #open(): Promise<void> {
    const { tools, budgets, machines } = this.#twins;
    const declared = <T>(all: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(all).map(([name, one]) => [name, { declared: one }]));
    const limits = Object.entries(tools).map(([tool, one]) => [
      tool,
      // Somebody else's service is behind it, so that also who takes nothing asks.
      { ...one, upstream: tool, importance: 1, external: true } as const,
    ]);
    for (const [index, { capacity, background, drainMs }] of machines.entries()) {
      const machine = MACHINES[index]!;
      await this.#gate.register({ machine, process: machine }, FOR_EVER_MS, {
        "*": capacity ?? -1,
      });
      await this.#gate.configure({ machines: { [machine]: { background: { cpu: background } } } });
      const { needs } = tools[DRAINED]!;
      if (drainMs !== null)
        await keepMachine(this.#redis, this.#prefix, machine, {
          tool: DRAINED,
          units: needs,
          untilMs: BEGAN_MS + drainMs,
        });
    }
    await Promise.all(TOOLS.map((tool) => this.#addJob(tool)));
    await this.#gate.configure({
      tools: declared(Object.fromEntries(limits)),
      budgets: declared(budgets),
    });
  }

  /** There is always a next job, that belongs to nobody. */
  async #addJob(tool: string): Promise<void> {
    const id = `j${++this.#jobs}`;
    const queue = `${this.#prefix}:${tool}`;
    await this.#redis.hset(`${queue}:${id}`, { timestamp: this.#now, priority: 10, data: "{}" });
    await this.#redis.zadd(`${queue}:prioritized`, 10 * 2 ** 32 + this.#jobs, id);
  }

  async #move(one: Move): Promise<void> {
    if (one.move === "wait") {
      this.#now += one.ms;
      this.#model.nowMs = this.#now;
    } else if (one.move === "end") {
      const [ended] = this.#running.splice(one.which % Math.max(1, this.#running.length), 1);
      if (ended === undefined) return;
      await this.#gate.release(ended.permit, { class: "none" });
      this.#model.end(ended.call);
    } else await this.#ask(one.tool, one.machine);
  }

  async #ask(tool: string, machine: string): Promise<void> {
    const caller = { machine, process: machine };
    const call = this.#callOf(tool);
    const on = this.#model.machine(machine)!;
    const isFree = this.#model.refusals(call, on).length === 0;
    // A machine that is kept for a tool is no more when that stands in line no more.
    if (!isFree && tool === DRAINED) return;
    const answer = await this.#gate.acquire(tool, caller);
    if ((answer.status === "granted") !== isFree)
      throw new Error(`${tool} is ${answer.status} on ${machine}, and the model says ${isFree}`);
    if (answer.status === "granted") {
      this.kinds.add("granted");
      this.#running.push({ permit: answer.permit, call: this.#model.start(call, on) });
      await this.#redis.zpopmin(`${this.#prefix}:${tool}:prioritized`);
      await this.#addJob(tool);
      // Nobody stands in line here: what is free is not given to anybody by itself.
    } else await this.#gate.leaveLane(tool, caller);
  }

  #callOf(tool: string) {
    const { needs, budgets, cap } = this.#twins.tools[tool]!;
    const knee: readonly BudgetTake[] = cap ? [[kneeOf(tool), 1, 0]] : [];
    return { tool, units: needs, budgets: [...budgets, ...knee] };
  }

  /** Both say the same of every tool on every machine. */
  async #compare(): Promise<void> {
    const all = await Promise.all(TOOLS.map((tool) => this.#gate.explain(tool)));
    for (const [index, explained] of all.entries()) {
      const tool = TOOLS[index]!;
      for (const machine of this.#model.machines) {
        const said = (explained.machines[machine.name] ?? []).map(textOf).toSorted();
        const modeled = this.#model.refusals(this.#callOf(tool), machine).map(asGate);
        for (const { kind } of modeled) this.kinds.add(kind);
        const thought = modeled.map(textOf).toSorted();
        if (said.join() !== thought.join())
          throw new Error(
            `${tool} on ${machine.name} at ${this.#now - BEGAN_MS} ms: the gate says ${said.join() || "nothing"}, the model ${thought.join() || "nothing"}`,
          );
      }
    }
  }
}

/** A limit that is no budget is played as if it were one. */
const asGate = (reason: Reason): Reason =>
  reason.kind === "slots" && reason.budget.startsWith("knee of ")
    ? { kind: "knee", limit: reason.capacity }
    : reason;

const textOf = (reason: Reason): string =>
  JSON.stringify(
    Object.fromEntries(Object.entries(reason).toSorted(([a], [b]) => (a < b ? -1 : 1))),
  );
