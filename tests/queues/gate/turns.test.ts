import * as fc from "fast-check";
import { describe, expect } from "vitest";

import { Gate, Keys } from "../../../queues/index.ts";
import { type Caller } from "../../../queues/worker.ts";
import { takes } from "../../support/gate/gated.ts";
import { test as withRedis } from "../../support/runner/redis.ts";

const CALLER: Caller = { machine: "m", process: "p" };
const OK = { class: "ok" } as const;
const MINUTE_MS = 60_000;
/** As queues/gate/scripts/ranks.ts has it. */
const rankOf = (tenant: number, priority: number, turn = 0): number =>
  16 + tenant * 11 * 190 + (11 - priority) * 190 + turn;

/** Queues of tools, at which one caller takes one job after another, in a time of its own. */
class Queues {
  now = 1_000_000_000;
  readonly gate: Gate;
  readonly #redis: ConstructorParameters<typeof Gate>[0];
  readonly #prefix: string;
  #jobs = 0;

  constructor(redis: ConstructorParameters<typeof Gate>[0], prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.gate = new Gate(redis, new Keys(prefix), () => this.now);
  }

  async open(tools: Readonly<Record<string, ReturnType<typeof takes>>>, slots = 1): Promise<void> {
    await this.gate.register(CALLER, 1e12, { "*": 1_000_000 });
    await this.gate.configure({
      tools: Object.fromEntries(Object.entries(tools).map(([id, one]) => [id, { declared: one }])),
      budgets: { gpu: { declared: { slots } } },
    });
  }

  /** A job becomes ready, as BullMQ puts it there. */
  async add(tool: string, priority: number): Promise<string> {
    const id = `j${++this.#jobs}`;
    const queue = `${this.#prefix}:${tool}`;
    const count = await this.#redis.incr(`${queue}:pc`);
    await this.#redis.hset(`${queue}:${id}`, { timestamp: this.now, priority, data: "{}" });
    await this.#redis.zadd(`${queue}:prioritized`, priority * 2 ** 32 + count, id);
    return id;
  }

  /** Takes the next job, as a worker does; null when it is refused. */
  async take(tool: string): Promise<{ readonly job: string; readonly permit: string } | null> {
    const got = await this.gate.acquire(tool, CALLER);
    return got.status === "granted" ? { job: await this.fetch(tool), permit: got.permit } : null;
  }

  /** What BullMQ does with a permit: the first of the queue goes. */
  async fetch(tool: string): Promise<string> {
    const [job = ""] = await this.#redis.zpopmin(`${this.#prefix}:${tool}:prioritized`);
    return job;
  }

  /** A call ends, and the next job of its queue takes its place if it is its turn. */
  async next(tool: string, permit: string): Promise<{ job: string; permit: string } | null> {
    const grant = await this.gate.release(permit, OK, { ...CALLER, tool });
    return grant === null ? null : { job: await this.fetch(tool), permit: grant.permit };
  }
}

const test = withRedis.extend<{ queues: Queues }>({
  queues: async ({ redis, prefix }, use) => use(new Queues(redis, prefix)),
});

/** Any moment: somebody's job comes, or a call starts. */
const events = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: fc.constant("call" as const) },
    {
      weight: 3,
      arbitrary: fc.record({
        tenant: fc.integer({ min: 0, max: 3 }),
        priority: fc.integer({ min: 1, max: 10 }),
        turn: fc.integer({ min: 0, max: 9 }),
      }),
    },
  ),
  { minLength: 20, maxLength: 80 },
);

test("of a tenant the most urgent goes first, and between tenants nobody gets two turns more than one who waits", async ({
  redis,
  prefix,
}) => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(events, async (course) => {
      const queues = new Queues(redis, `${prefix}${round++}`);
      await queues.open({ a: takes({}, [["gpu", 1, 0]]) });
      const waiting = new Map<string, { tenant: number; rank: number; at: number }>();
      /** Calls of others while a tenant has been waiting: by tenant, by other. */
      const passed = new Map<number, Map<number, number>>();
      for (const [at, event] of course.entries()) {
        queues.now += 10;
        if (event !== "call") {
          const rank = rankOf(event.tenant, event.priority, event.turn);
          waiting.set(await queues.add("a", rank), { tenant: event.tenant, rank, at });
          if (!passed.has(event.tenant)) passed.set(event.tenant, new Map());
          continue;
        }
        const taken = await queues.take("a");
        if (taken === null) {
          expect(waiting.size).toBe(0);
          continue;
        }
        await queues.gate.release(taken.permit, OK);
        const { tenant, rank, at: since } = waiting.get(taken.job)!;
        waiting.delete(taken.job);
        for (const other of waiting.values()) {
          if (other.tenant !== tenant) continue;
          expect([rank, since] < [other.rank, other.at] || rank <= other.rank).toBe(true);
        }
        passed.delete(tenant);
        const still = new Set([...waiting.values()].map((one) => one.tenant));
        if (still.has(tenant)) passed.set(tenant, new Map());
        for (const [who, counts] of passed) {
          if (who === tenant) continue;
          counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
          expect(counts.get(tenant)).toBeLessThanOrEqual(2);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("who comes to a flood goes after two calls of it at most, how long it has been going on", async ({
  queues,
}) => {
  await queues.open({ a: takes({}, [["gpu", 1, 0]]) });
  for (let item = 0; item < 300; item++) await queues.add("a", rankOf(0, 10));
  let call = (await queues.take("a"))!;
  for (let turn = 0; turn < 5; turn++) {
    for (let before = 0; before < 7; before++) call = (await queues.next("a", call.permit))!;
    // The least urgent of another tenant.
    const job = await queues.add("a", rankOf(1, 1));
    let between = 0;
    for (call = (await queues.next("a", call.permit))!; call.job !== job; between++)
      call = (await queues.next("a", call.permit))!;
    expect(between).toBeLessThanOrEqual(2);
  }
});

test("two tools that share a budget are called in turn by their tenants, whose calls may be many", async ({
  queues,
}) => {
  await queues.open({ a: takes({}, [["gpu", 1, 0]]), b: takes({}, [["gpu", 1, 0]]) });
  for (let item = 0; item < 20; item++) {
    await queues.add("a", rankOf(0, 10));
    await queues.add("b", rankOf(1, 1));
  }
  const order: string[] = [];
  let call: { tool: string; permit: string } = {
    tool: "a",
    permit: (await queues.take("a"))!.permit,
  };
  for (let turn = 0; turn < 12; turn++) {
    queues.now += 100;
    const other = call.tool === "a" ? "b" : "a";
    // Who was refused stands in line.
    expect(await queues.take(other)).toBeNull();
    const same = await queues.next(call.tool, call.permit);
    const next = same ?? (await queues.take(other));
    call = { tool: same === null ? other : call.tool, permit: next!.permit };
    order.push(call.tool);
  }
  expect(order.filter((tool) => tool === "a")).toHaveLength(6);
});

describe("who has waited for a minute", () => {
  /** Urgent jobs keep coming; says after how many of them the patient one goes. */
  async function outlast(queues: Queues, own: number, others: number): Promise<number> {
    await queues.open({ a: takes({}, [["gpu", 1, 0]]) });
    const patient = await queues.add("a", rankOf(0, own, 0));
    let call = { job: "", permit: "" };
    await queues.add("a", rankOf(0, others, 1));
    call = (await queues.take("a"))!;
    for (let calls = 0; ; calls++) {
      queues.now += MINUTE_MS / 12;
      await queues.add("a", rankOf(0, others, 1));
      call = (await queues.next("a", call.permit))!;
      if (call.job === patient) return calls;
      if (calls > 500) throw new Error("it starves");
    }
  }

  test("rises a class", async ({ queues }) => {
    // Looked at four times a minute: after one to one and a quarter.
    const calls = await outlast(queues, 4, 5);
    expect(calls).toBeGreaterThanOrEqual(11);
    expect(calls).toBeLessThanOrEqual(16);
  });

  test("rises class by class, up to those of class 10, and nobody starves", async ({ queues }) => {
    const calls = await outlast(queues, 1, 10);
    expect(calls).toBeGreaterThanOrEqual(9 * 12 - 1);
    expect(calls).toBeLessThanOrEqual(9 * 12 + 5);
  });

  test("goes behind the more urgent until then", async ({ queues }) => {
    await queues.open({ a: takes({}, [["gpu", 1, 0]]) });
    await queues.add("a", rankOf(0, 4));
    const first = (await queues.take("a"))!;
    const patient = await queues.add("a", rankOf(0, 4));
    queues.now += MINUTE_MS - 1;
    const urgent = await queues.add("a", rankOf(0, 5));
    const second = (await queues.next("a", first.permit))!;
    expect(second.job).toBe(urgent);
    expect((await queues.next("a", second.permit))?.job).toBe(patient);
  });
});

test("a ring of turns that has been round keeps the order of the runs", async ({
  queues,
  redis,
  prefix,
}) => {
  await queues.open({ a: takes({}, [["gpu", 1, 0]]) });
  // 200 runs have begun: the last has turn 10.
  await redis.hset(`${prefix}.fair`, "c:0", 200);
  const jobs: string[] = [];
  for (const turn of [10, 189, 0, 188, 3]) jobs.push(await queues.add("a", rankOf(0, 5, turn)));
  const order: number[] = [];
  let call = await queues.take("a");
  for (; call !== null; call = await queues.next("a", call.permit))
    order.push(jobs.indexOf(call.job));
  expect(order).toEqual([3, 1, 2, 4, 0]);
});

test("more tenants than are compared at once all get their turn", async ({ queues }) => {
  await queues.open({ a: takes({}, [["gpu", 1, 0]]) });
  for (let tenant = 0; tenant < 150; tenant++)
    for (let n = 0; n < 2; n++) await queues.add("a", rankOf(tenant, 5));
  const seen = new Set<string>();
  let call = (await queues.take("a"))!;
  for (let calls = 1; seen.size < 150; calls++) {
    seen.add(`t${Math.floor((Number(call.job.slice(1)) - 1) / 2)}`);
    if (seen.size === 150) break;
    if (calls > 300) throw new Error(`after ${calls} calls ${seen.size} tenants had one`);
    call = (await queues.next("a", call.permit))!;
  }
});
