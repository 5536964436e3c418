import { describe, expect } from "vitest";

import type { BreakerTrouble, UpstreamTrouble } from "../../../queues/gate/stored/troubles.ts";
import { Gate, Keys, type GateChanges } from "../../../queues/index.ts";
import { type CallEnd, type Caller } from "../../../queues/worker.ts";
import { takes } from "../../support/gate/gated.ts";
import { test as withRedis } from "../../support/runner/redis.ts";

/** A gate in a time of its own, with callers on three machines and a tool whose queue is never empty. */
class World {
  now = 1_000_000;
  readonly gate: Gate;
  readonly callers: readonly Caller[];

  constructor(gate: (now: () => number) => Gate, machines: readonly string[]) {
    this.gate = gate(() => this.now);
    this.callers = machines.map((machine) => ({ machine, process: `${machine}1` }));
  }

  async open(changes: GateChanges): Promise<void> {
    for (const caller of this.callers)
      await this.gate.register(caller, 1_000_000_000, { "*": 1_000_000 });
    await this.gate.configure(changes);
  }

  /** The permit of a caller; null when it is refused. */
  async start(caller = this.callers[0]!, tool = "ask"): Promise<string | null> {
    const answer = await this.gate.acquire(tool, caller);
    return answer.status === "granted" ? answer.permit : null;
  }

  /** A whole call. False when it was refused. */
  async call(end: CallEnd, caller = this.callers[0]!, tool = "ask"): Promise<boolean> {
    const permit = await this.start(caller, tool);
    if (permit !== null) await this.gate.release(permit, end);
    return permit !== null;
  }

  /** As many permits as are given now, up to 100. */
  async startAll(tools: readonly string[] = ["ask"]): Promise<string[]> {
    const permits: string[] = [];
    for (let before = -1; before < permits.length && permits.length < 100;) {
      before = permits.length;
      for (const tool of tools) {
        for (const caller of this.callers) {
          const permit = await this.start(caller, tool);
          if (permit !== null) permits.push(permit);
        }
      }
    }
    return permits;
  }

  async breaker(tool: string): Promise<BreakerTrouble | undefined> {
    return (await this.gate.show()).breakers.get(tool);
  }

  async upstream(name: string): Promise<UpstreamTrouble | undefined> {
    return (await this.gate.show()).upstreams.get(name);
  }
}

const OK: CallEnd = { class: "ok" };
const DOWN: CallEnd = { class: "down" };
const tools = (more: object = {}, ids = ["ask"]): GateChanges => ({
  tools: Object.fromEntries(ids.map((id) => [id, { declared: takes({ cpu: 0.001 }, [], more) }])),
});

const test = withRedis.extend<{ world: (machines: readonly string[]) => World }>({
  world: async ({ redis, prefix }, use) => {
    for (const tool of ["ask", "tell"]) {
      await redis.lpush(`${prefix}:${tool}:wait`, "job");
      await redis.hset(`${prefix}:${tool}:job`, { timestamp: 1, data: "{}" });
    }
    await use((machines) => new World((now) => new Gate(redis, new Keys(prefix), now), machines));
  },
});

describe("a breaker", () => {
  test("opens when most machines say so, tries after its time, and closes after three", async ({
    world,
  }) => {
    const here = world(["a", "b", "c"]);
    await here.open(tools());
    const [a, b, c] = here.callers;
    // One sick machine is not enough, however often it fails.
    await here.call(OK, b);
    await here.call(OK, c);
    for (let index = 0; index < 20; index++) expect(await here.call(DOWN, a)).toBe(true);
    expect(await here.breaker("ask")).toBeUndefined();
    for (let index = 0; index < 5; index++) await here.call(DOWN, b);
    expect(await here.breaker("ask")).toMatchObject({ state: "open" });
    for (const caller of here.callers) expect(await here.start(caller)).toBeNull();
    const refused = await here.gate.acquire("ask", a!);
    expect(refused).toMatchObject({ status: "refused", reason: "breaker", waitMs: 60_000 });

    here.now += 60_000;
    const probes = await here.startAll();
    expect(probes).toHaveLength(3);
    for (const probe of probes) await here.gate.release(probe, OK);
    expect(await here.breaker("ask")).toBeUndefined();
    // The others follow in growing waves.
    const first = await here.startAll();
    expect(first).toHaveLength(3);
    for (const permit of first) await here.gate.release(permit, OK);
    const second = await here.startAll();
    expect(second.length).toBeGreaterThan(3);
    expect(second.length).toBeLessThan(100);
  });

  test("is open again when a try fails, and a try that was killed is made again", async ({
    world,
  }) => {
    const here = world(["a"]);
    await here.open(tools());
    for (let index = 0; index < 5; index++) await here.call(DOWN);
    here.now += 60_000;
    expect(await here.call(DOWN)).toBe(true);
    expect(await here.start()).toBeNull();
    here.now += 59_999;
    expect(await here.start()).toBeNull();
    here.now += 1;
    const lost = await here.startAll();
    expect(lost).toHaveLength(3);
    await here.gate.release(lost[0]!, { class: "none", unused: true });
    expect(await here.start()).not.toBeNull();
  });

  test("a success in between starts the count anew, and so does a machine that was long silent", async ({
    world,
  }) => {
    const here = world(["a", "b"]);
    await here.open(tools());
    const [a, b] = here.callers;
    for (let index = 0; index < 4; index++) await here.call(DOWN, a);
    await here.call(OK, a);
    for (let index = 0; index < 4; index++) await here.call(DOWN, a);
    expect(await here.breaker("ask")).toBeUndefined();
    await here.call(OK, b);
    await here.call(DOWN, a);
    // Half of two is not most; but b has not called it for a minute by then.
    expect(await here.breaker("ask")).toBeUndefined();
    here.now += 61_000;
    await here.call(DOWN, a);
    expect(await here.breaker("ask")).toMatchObject({ state: "open" });
  });

  test("goes by the numbers of its tool", async ({ world }) => {
    const here = world(["a"]);
    await here.open(tools({ breaker: { failures: 2, openMs: 1_000, probes: 1 } }));
    await here.call(DOWN);
    await here.call(DOWN);
    expect(await here.start()).toBeNull();
    here.now += 1_000;
    expect(await here.startAll()).toHaveLength(1);
  });

  test("does not hear what a 429 says", async ({ world }) => {
    const here = world(["a"]);
    await here.open(tools());
    for (let index = 0; index < 10; index++) {
      await here.call({ class: "limited", retryAfterMs: 10 });
      here.now += 10;
    }
    expect(await here.breaker("ask")).toBeUndefined();
  });
});

describe("a 429", () => {
  test("closes the service for all its tools and machines, and comes back by a ramp", async ({
    world,
  }) => {
    const here = world(["a", "b"]);
    await here.open(tools({ upstream: "api" }, ["ask", "tell"]));
    const running = await Promise.all(Array.from({ length: 8 }, () => here.start()));
    await here.gate.release(running[0]!, { class: "limited", retryAfterMs: 5_000 });
    for (const permit of running.slice(1)) await here.gate.release(permit!, OK);
    for (const tool of ["ask", "tell"])
      for (const caller of here.callers) expect(await here.start(caller, tool)).toBeNull();
    expect(await here.gate.acquire("tell", here.callers[1]!)).toMatchObject({
      reason: "cool_down:api",
      waitMs: 5_000,
    });
    here.now += 5_000;
    // One tries, and while it is underway nobody else does.
    const probe = await here.start();
    expect(probe).not.toBeNull();
    expect(await here.start(here.callers[1], "tell")).toBeNull();
    const waves: number[] = [];
    await here.gate.release(probe!, OK);
    while ((await here.upstream("api")) !== undefined) {
      const wave = await here.startAll(["ask", "tell"]);
      waves.push(wave.length);
      for (const permit of wave) await here.gate.release(permit, OK);
    }
    // Full again when as many have succeeded as were underway before.
    expect(waves).toEqual([2, 4]);
  });

  test("again pauses for longer each time, when it does not say how long", async ({ world }) => {
    const here = world(["a"]);
    await here.open(tools());
    const pauses: number[] = [];
    for (let index = 0; index < 8; index++) {
      await here.call({ class: "limited" });
      const answer = await here.gate.acquire("ask", here.callers[0]!);
      const waitMs = answer.status === "refused" ? answer.waitMs : 0;
      pauses.push(waitMs);
      here.now += waitMs;
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  });
});

describe("the level of the deployment", () => {
  test("lets tools rest by their importance", async ({ world }) => {
    const here = world(["a"]);
    const started = async (importance: 0 | 1 | 2, level: number): Promise<boolean> => {
      await here.open({ ...tools({ importance }), level });
      return here.call(OK);
    };
    for (const [importance, levels] of [
      [0, [true, true, true]],
      [1, [true, true, false]],
      [2, [true, false, false]],
    ] as const)
      for (const level of [0, 1, 2])
        expect(await started(importance, level), `${importance} ${level}`).toBe(levels[level]);
  });
});

test("a call that hangs since before a pause does not keep the others for ever", async ({
  world,
}) => {
  const here = world(["a"]);
  await here.open(tools());
  const hangs = await here.start();
  expect(hangs).not.toBeNull();
  await here.call({ class: "limited", retryAfterMs: 1_000 });
  here.now += 1_000;
  expect(await here.start()).toBeNull();
  here.now += 30_000;
  expect(await here.start()).not.toBeNull();
});

test("what an operator opens is open at once, however long its service wanted to be left alone", async ({
  world,
}) => {
  const here = world(["a"]);
  await here.open(tools({ upstream: "api" }, ["ask", "tell"]));
  // As it stood in Redis before pauses had a bound.
  await here.call({ class: "limited", retryAfterMs: 1e29 });
  for (let index = 0; index < 5; index++) await here.call(DOWN, here.callers[0], "tell");
  expect(await here.start()).toBeNull();
  await here.gate.configure({ open: ["ask"] });
  expect(await here.start()).not.toBeNull();
  expect(await here.upstream("api")).toBeUndefined();

  here.now += 1;
  const broken = world(["a"]);
  await broken.open(tools());
  for (let index = 0; index < 5; index++) await broken.call(DOWN);
  expect(await broken.breaker("ask")).toMatchObject({ state: "open" });
  await broken.gate.configure({ open: ["ask", "unknown"] });
  expect(await broken.breaker("ask")).toBeUndefined();
  expect(await broken.call(DOWN), "and it counts anew").toBe(true);
  expect(await broken.breaker("ask")).toBeUndefined();
});
