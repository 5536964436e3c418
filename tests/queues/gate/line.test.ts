import { describe, expect } from "vitest";

import { type ToolLimits } from "../../../queues/client.ts";
import { Gate, Keys } from "../../../queues/index.ts";
import { type Caller } from "../../../queues/worker.ts";
import { takes } from "../../support/gate/gated.ts";
import { test as withRedis } from "../../support/runner/redis.ts";

const OK = { class: "ok" } as const;
const a: Caller = { machine: "a", process: "a1" };
const b: Caller = { machine: "b", process: "b1" };

/** A gate in a time of its own; tools whose queues are never empty, in the order of their jobs. */
class Line {
  now = 1_000_000;
  readonly gate: Gate;
  readonly #prefix: string;
  readonly #redis: ConstructorParameters<typeof Gate>[0];

  constructor(redis: ConstructorParameters<typeof Gate>[0], prefix: string) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.gate = new Gate(redis, new Keys(prefix), () => this.now);
  }

  async open(
    tools: Readonly<Record<string, ToolLimits>>,
    budgets: Readonly<Record<string, object>> = {},
    leaseMs = 1_000_000_000,
  ): Promise<void> {
    let at = 0;
    for (const tool of Object.keys(tools)) {
      await this.#redis.lpush(`${this.#prefix}:${tool}:wait`, "job");
      await this.#redis.hset(`${this.#prefix}:${tool}:job`, { timestamp: ++at, data: "{}" });
    }
    for (const caller of [a, b]) await this.gate.register(caller, leaseMs, { "*": 1_000_000 });
    const declared = <T>(layers: Readonly<Record<string, T>>) =>
      Object.fromEntries(Object.entries(layers).map(([id, one]) => [id, { declared: one }]));
    await this.gate.configure({ tools: declared(tools), budgets: declared(budgets) });
  }

  async start(tool: string, caller = a): Promise<string | null> {
    const answer = await this.gate.acquire(tool, caller);
    return answer.status === "granted" ? answer.permit : null;
  }
}

const test = withRedis.extend<{ line: Line }>({
  line: async ({ redis, prefix }, use) => use(new Line(redis, prefix)),
});

test("who needs two budgets gets them, although they are never free at the same time", async ({
  line,
}) => {
  await line.open(
    {
      both: takes({}, [
        ["x", 1, 0],
        ["y", 1, 0],
      ]),
      left: takes({}, [["x", 1, 0]]),
      right: takes({}, [["y", 1, 0]]),
    },
    { x: { slots: 1 }, y: { slots: 1 } },
  );
  const running: Record<string, string | null> = {
    left: await line.start("left"),
    right: await line.start("right"),
  };
  expect(await line.start("both", b)).toBeNull();
  for (let turn = 0; turn < 30; turn++) {
    line.now += 400;
    const tool = turn % 2 === 0 ? "left" : "right";
    const permit = running[tool];
    // Its own queue never ends, and whoever is refused asks every now and then.
    running[tool] =
      permit == null
        ? await line.start(tool)
        : ((await line.gate.release(permit, OK, { ...a, tool }))?.permit ?? null);
    if ((await line.start("both", b)) !== null) return;
  }
  throw new Error("it never had its turn");
});

test("a place of a claim that is not served goes to nobody for ever: the queue gets its sign back", async ({
  line,
  redis,
  prefix,
}) => {
  await line.open(
    { one: takes({}, [["x", 1, 0]]), two: takes({}, [["x", 1, 0]]) },
    { x: { slots: 1 } },
  );
  const permit = await line.start("two");
  expect(await line.start("one", b)).toBeNull();
  await redis.del(`${prefix}:two:marker`);
  expect(await line.gate.release(permit!, OK, { ...a, tool: "two" })).toBeNull();
  expect(await redis.zcard(`${prefix}:two:marker`)).toBe(1);
});

test("an offer that its window has left behind breaks no rate", async ({ line }) => {
  await line.open(
    {
      one: takes({}, [
        ["x", 1, 0],
        ["r", 0, 1],
      ]),
      two: takes({}, [["r", 0, 1]]),
    },
    { x: { slots: 1 }, r: { rates: [[2, 100]] } },
  );
  const first = await line.start("one");
  expect(await line.start("one", b)).toBeNull();
  line.now += 200;
  // The second gets an offer, and comes late for it.
  await line.gate.release(first!, OK);
  line.now += 500;
  expect(await line.start("two")).not.toBeNull();
  expect(await line.start("two")).not.toBeNull();
  expect(await line.gate.acquire("one", b)).toMatchObject({ status: "refused", reason: "rate:r" });
  const { permits, running } = await line.gate.show();
  expect(permits).toHaveLength(2);
  expect(running.get("two")).toBe(2);
  expect(running).not.toHaveProperty("o:one");
});

describe("a process that died", () => {
  test("stands in no line, and its machine is forgotten", async ({ line, redis, prefix }) => {
    await line.open({ one: takes({}, [["x", 1, 0]]), free: takes({}) }, { x: { slots: 1 } }, 1_000);
    const permit = await line.start("one");
    await line.gate.report("free", "b", { class: "down" });
    expect(await line.start("one", b)).toBeNull();
    line.now += 600;
    await line.gate.renew(a, 1_000);
    line.now += 600;
    await line.gate.renew(a, 1_000);
    expect(await redis.exists(`${prefix}.gate.claims:b`)).toBe(0);
    expect(await redis.smembers(`${prefix}.gate.line:x`)).toEqual([]);
    expect(await redis.hgetall(`${prefix}.gate.failures:free`)).toEqual({});
    expect((await line.gate.show()).permits.map(({ id }) => id)).toEqual([permit]);
  });
});

test("what was learned of a tool before it was declared keeps nobody from asking", async ({
  line,
}) => {
  await line.open({ one: takes({}) });
  await line.gate.configure({
    tools: { one: { declared: false, learned: { serviceMs: 5 } } },
  });
  expect(await line.gate.acquire("one", a)).toEqual({ status: "open" });
});

test("a job that says nonsense keeps nobody else from being served", async ({
  line,
  redis,
  prefix,
}) => {
  await line.open(
    { one: takes({ cpu: 0.6 }), two: takes({ cpu: 0.6 }, [["x", 1, 0]]) },
    { x: { slots: 1 } },
  );
  const permit = await line.start("one");
  expect(await line.start("two")).toBeNull();
  for (const take of [
    { needs: { cpu: "a lot" } },
    { needs: { cpu: 0.5 } },
    { needs: "much" },
    { budgets: [["x", null, -1]] },
    { budgets: ["x"] },
    "everything",
  ]) {
    await redis.hset(`${prefix}:two:job`, { data: JSON.stringify({ take }) });
    await line.gate.explain("two", "job");
    expect(await line.start("two")).toBeNull();
  }
  await line.gate.release(permit!, OK);
  expect(await line.start("two")).not.toBeNull();
});

test("a clock of Redis that is put back keeps a rate, and closes it for one window at most", async ({
  line,
}) => {
  await line.open({ one: takes({}, [["r", 0, 1]]) }, { r: { rates: [[2, 1_000]] } });
  expect(await line.start("one")).not.toBeNull();
  expect(await line.start("one")).not.toBeNull();
  line.now -= 600_000;
  await line.gate.register(a, 1_000_000_000, { "*": 1_000_000 });
  expect(await line.start("one")).toBeNull();
  line.now += 1_200;
  expect(await line.start("one")).not.toBeNull();
  expect(await line.start("one")).not.toBeNull();
  expect(await line.start("one")).toBeNull();
});
