import * as fc from "fast-check";
import { describe, expect } from "vitest";

import {
  Gate,
  Keys,
  ownBudget,
  type BudgetLimits,
  type Declaration,
  type GatedLimits,
} from "../../../queues/index.ts";
import { encodeDeclaration } from "../../../queues/worker.ts";
import { takes } from "../../support/gate/gated.ts";
import { test } from "../../support/runner/redis.ts";

/** As docs/catalogue.md has them. Milliseconds. */
const DECLARED_MS = 15_000;
const RETURN_MS = 7_500;
const LEASE_MS = 10_000_000;

const OWN = ownBudget("ask");

/** Where a tool says nothing. */
const BREAKER = { failures: 5, openMs: 60_000, probes: 3 };

type Window = readonly [max: number, durationMs: number];

/** What one catalogue says of the tool `ask`, its private budget and the budget `gpu`. */
interface Catalogue {
  readonly version?: string;
  readonly cpu: number | null;
  readonly slots: number | null;
  readonly maxSlots: number | "fit" | null;
  readonly rates: readonly Window[];
  readonly cost: number;
  readonly gpu: { readonly slots: number; readonly take: number } | null;
  readonly importance: 0 | 1 | 2;
  readonly breaker: GatedLimits["breaker"] | null;
  /** Whether it has the tool at all. */
  readonly has: boolean;
}

function declarationOf(said: Catalogue): Declaration {
  const { version, cpu, slots, maxSlots, rates, cost, gpu, importance, breaker } = said;
  const own: BudgetLimits | false =
    slots === null && rates.length === 0
      ? false
      : {
          ...(slots === null ? {} : { slots, ...(maxSlots === null ? {} : { maxSlots }) }),
          ...(rates.length === 0 ? {} : { rates }),
        };
  const limits = takes(
    cpu === null ? {} : { cpu },
    [
      ...(own === false ? [] : [[OWN, 1, cost] as const]),
      ...(gpu === null ? [] : [["gpu", gpu.take, 1] as const]),
    ],
    { importance, ...(breaker === null ? {} : { breaker }) },
  );
  const facts = version === undefined ? {} : { version };
  return {
    tools: said.has ? { ask: { declared: limits } } : {},
    budgets: {
      ...(said.has ? { [OWN]: { declared: own } } : {}),
      ...(gpu === null ? {} : { gpu: { declared: { slots: gpu.slots } } }),
    },
    facts: { tools: { ask: facts }, budgets: { gpu: facts } },
  };
}

/** What holds of several catalogues, written down a second time and in other words. */
function holds(all: readonly Catalogue[]) {
  const order = (version: string | undefined): number =>
    version === undefined
      ? -1
      : version.split(".").reduce((sum, n, i) => sum + Number(n) / 100 ** i, 0);
  const newest = (some: readonly Catalogue[]): Catalogue[] => {
    const last = Math.max(...some.map(({ version }) => order(version)));
    return some.filter(({ version }) => order(version) === last);
  };
  const min = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : Math.min(...values);
  const withTool = newest(all.filter(({ has }) => has));
  const withGpu = newest(all.filter(({ gpu }) => gpu !== null));
  const gpuSlots = min(withGpu.map(({ gpu }) => gpu!.slots));
  if (withTool.length === 0) return { tool: null, own: null, gpu: gpuSlots ?? null };
  const limited = withTool.filter(({ slots }) => slots !== null);
  const slots = min(limited.map((one) => one.slots!));
  const durations = [...new Set(withTool.flatMap(({ rates }) => rates.map(([, ms]) => ms)))];
  const rates = durations
    .toSorted((a, b) => a - b)
    .map((ms): Window => {
      const maxima = withTool.flatMap((one) => one.rates.filter(([, own]) => own === ms));
      return [Math.min(...maxima.map(([max]) => max)), ms];
    });
  const bounds = limited.map(({ maxSlots }) => maxSlots);
  const numbers = bounds.filter((bound) => typeof bound === "number");
  const maxSlots = bounds.includes(null) ? undefined : (min(numbers) ?? "fit");
  const costs = withTool
    .filter((one) => one.slots !== null || one.rates.length > 0)
    .map(({ cost }) => cost);
  const cost = Math.min(Math.max(...costs), ...rates.map(([max]) => max));
  const gpuTakes = withTool.flatMap(({ gpu }) => (gpu === null ? [] : [gpu.take]));
  const own = slots === undefined && rates.length === 0 ? null : { slots, maxSlots, rates };
  const breakers = withTool.map(({ breaker }) => ({ ...BREAKER, ...breaker }) as typeof BREAKER);
  return {
    tool: {
      cpu: Math.max(0, ...withTool.map(({ cpu }) => Math.round((cpu ?? 0) * 1e6))),
      cost: own === null ? undefined : cost,
      gpu:
        gpuTakes.length === 0 ? undefined : Math.min(Math.max(...gpuTakes), gpuSlots ?? Infinity),
      importance: Math.max(...withTool.map(({ importance }) => importance)),
      breaker: withTool.some(({ breaker }) => breaker !== null)
        ? {
            failures: Math.min(...breakers.map(({ failures }) => failures)),
            openMs: Math.max(...breakers.map(({ openMs }) => openMs)),
            probes: Math.min(...breakers.map(({ probes }) => probes)),
          }
        : undefined,
    },
    own: own === null ? null : { ...own, ...(slots === undefined ? { maxSlots: undefined } : {}) },
    gpu: gpuSlots ?? null,
  };
}

/** The same as the gate goes by it. */
async function gateHolds(gate: Gate) {
  const { tools, budgets } = await gate.show();
  const limits = tools.get("ask")?.limits ?? null;
  const own = budgets.get(OWN) ?? null;
  const gpu = budgets.get("gpu") ?? null;
  const list = limits?.budgets ?? [];
  const breaker = limits?.breaker === undefined ? undefined : { ...BREAKER, ...limits.breaker };
  return {
    tool:
      limits === null
        ? null
        : {
            cpu: limits.needs["cpu"] ?? 0,
            cost: list.find(([name]) => name === OWN)?.[2],
            gpu: list.find(([name]) => name === "gpu")?.[1],
            importance: limits.importance,
            breaker,
          },
    own: own === null ? null : { slots: own.slots, maxSlots: own.maxSlots, rates: own.rates ?? [] },
    gpu: gpu?.slots ?? null,
  };
}

const catalogue: fc.Arbitrary<Catalogue> = fc
  .record({
    version: fc.constantFrom(undefined, "1", "2", "1.2", "1.10", "2.0"),
    cpu: fc.constantFrom(null, 0.1, 0.3, 0.5),
    slots: fc.constantFrom(null, 1, 3, 8),
    maxSlots: fc.constantFrom(null, 10, 20, "fit" as const),
    rates: fc.subarray([
      [5, 1_000],
      [500, 1_000],
      [100, 60_000],
    ] as Window[]),
    cost: fc.constantFrom(1, 4),
    gpu: fc.constantFrom(null, { slots: 2, take: 1 }, { slots: 8, take: 4 }),
    importance: fc.constantFrom(0 as const, 1 as const, 2 as const),
    breaker: fc.constantFrom(null, { failures: 2 }, { openMs: 90_000, probes: 1 }),
    has: fc.boolean(),
  })
  .map(({ version, rates, ...rest }) => ({
    ...rest,
    // A catalogue has one window of a length.
    rates: rates.filter(([, ms], at) => rates.findIndex(([, other]) => other === ms) === at),
    ...(version === undefined ? {} : { version }),
  }));

type Event =
  | { readonly kind: "declare"; readonly who: number; readonly what: Catalogue }
  | { readonly kind: "renew" | "leave" | "ask"; readonly who: number }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "set"; readonly slots: number }
  | { readonly kind: "reset" }
  | { readonly kind: "tune"; readonly slots: number };

const who = fc.nat({ max: 3 });
const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("declare" as const), who, what: catalogue }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom("renew" as const, "leave" as const, "ask" as const),
      who,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(4_000, 8_000, 16_000),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("set" as const), slots: fc.constantFrom(2, 50) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("reset" as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("tune" as const), slots: fc.constantFrom(2, 15, 30) }),
  },
);

/** Who is alive and what holds, as the docs have it. */
class Model {
  now = 1_000_000;
  readonly #declared = new Map<number, Catalogue>();
  readonly #until = new Map<number, number>();
  set: number | null = null;
  tuned: number | null = null;
  #holds = holds([]);

  has(one: number): boolean {
    return this.#declared.has(one);
  }

  declare(one: number, what: Catalogue): void {
    this.#declared.set(one, what);
    this.heard(one);
    this.#settle();
  }

  heard(one: number): void {
    if (!this.#declared.has(one)) return;
    if (![...this.#until.values()].some((until) => until > this.now))
      for (const other of this.#until.keys()) this.#until.set(other, this.now + RETURN_MS);
    this.#until.set(one, this.now + DECLARED_MS);
    this.#settle();
  }

  asks(one: number): void {
    if (!this.#until.has(one)) this.heard(one);
  }

  leaves(one: number): void {
    this.#declared.delete(one);
    this.#until.delete(one);
    this.#settle();
  }

  look(): void {
    const silent = [...this.#until].filter(([, until]) => until <= this.now);
    if (silent.length === 0 || silent.length === this.#until.size) return;
    for (const [one] of silent) this.#until.delete(one);
    this.#settle();
  }

  #settle(): void {
    if (this.#until.size > 0)
      this.#holds = holds([...this.#until.keys()].map((one) => this.#declared.get(one)!));
  }

  /** With what the optimizer and the operator say. */
  expected() {
    const { own, ...rest } = this.#holds;
    let tuned = this.tuned ?? undefined;
    // No further than what is declared lets the optimizer go.
    if (tuned !== undefined && own !== null && own.maxSlots !== "fit")
      tuned =
        own.slots === undefined ? undefined : Math.min(tuned, Number(own.maxSlots ?? own.slots));
    const slots = this.set ?? tuned ?? own?.slots;
    const hasOwn = own !== null || this.set !== null || this.tuned !== null;
    return {
      ...rest,
      own: hasOwn ? { slots, maxSlots: own?.maxSlots, rates: own?.rates ?? [] } : null,
    };
  }
}

describe("what catalogues of several workers declare", () => {
  test("follows from who lives, and composes with what is tuned and set", async ({
    redis,
    prefix,
  }) => {
    let worlds = 0;
    const property = fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
      const model = new Model();
      const gate = new Gate(redis, new Keys(`${prefix}${++worlds}`), () => model.now);
      const caller = (one: number) => ({ machine: "m", process: `p${one}` });
      for (const one of [0, 1, 2, 3])
        await gate.register(caller(one), LEASE_MS, { "*": 1_000_000 });
      const layer = (name: "tuned" | "set", slots: number | null) =>
        gate.configure({ budgets: { [OWN]: { [name]: slots === null ? false : { slots } } } });
      for (const each of events) {
        if (each.kind === "wait") model.now += each.ms;
        model.look();
        switch (each.kind) {
          case "declare":
            await gate.declare(caller(each.who), encodeDeclaration(declarationOf(each.what)));
            model.declare(each.who, each.what);
            break;
          case "renew":
            await gate.renew(caller(each.who), LEASE_MS);
            model.heard(each.who);
            break;
          case "ask":
            await gate.acquire("ask", caller(each.who));
            model.asks(each.who);
            break;
          case "leave":
            await gate.leave(caller(each.who));
            model.leaves(each.who);
            await gate.register(caller(each.who), LEASE_MS, { "*": 1_000_000 });
            break;
          case "set":
          case "reset":
            model.set = each.kind === "set" ? each.slots : null;
            await layer("set", model.set);
            break;
          case "tune":
            model.tuned = each.slots;
            await layer("tuned", each.slots);
            break;
          case "wait":
        }
        expect(await gateHolds(gate)).toEqual(model.expected());
      }
    });
    await fc.assert(property, { numRuns: 100 });
  });
});
