import { describe, expect } from "vitest";

import { ServiceLevel } from "../../../processors/index.ts";
import { type CallClass } from "../../../queues/gate/permit.ts";
import { Gate, Keys } from "../../../queues/index.ts";
import { takes } from "../../support/gate/gated.ts";
import { test as withRedis } from "../../support/runner/redis.ts";

const PASS_MS = 5_000;

/** A deployment in a time of its own: calls end, and every five seconds they are counted. */
class World {
  now = 1_000_000_000_000;
  readonly gate: Gate;
  readonly #level: ServiceLevel;

  constructor(gate: (now: () => number) => Gate, level: (gate: Gate) => ServiceLevel) {
    this.gate = gate(() => this.now);
    this.#level = level(this.gate);
  }

  async end(tool: string, end: CallClass, count: number): Promise<void> {
    await this.gate.report(tool, "m", { class: end, count });
  }

  /** Passes until so much time is over; before each of them `calls` are made. Returns the levels they left. */
  async passes(ms: number, calls: () => Promise<void> = async () => {}): Promise<string[]> {
    const levels: string[] = [];
    for (let at = 0; at < ms; at += PASS_MS) {
      this.now += PASS_MS;
      await calls();
      await this.#level.pass();
      levels.push((await this.gate.level()).level);
    }
    return levels;
  }

  pass(): ReturnType<ServiceLevel["pass"]> {
    return this.#level.pass();
  }

  async mix(ok: number, down: number): Promise<void> {
    await this.end("ask", "ok", ok);
    await this.end("ask", "down", down);
  }
}

const test = withRedis.extend<{ world: World }>({
  world: async ({ redis, prefix }, use) => {
    const keys = new Keys(prefix);
    const world = new World(
      (now) => new Gate(redis, keys, now),
      (gate) => new ServiceLevel(redis, keys, gate),
    );
    // A breaker that opens is the matter of other tests.
    await world.gate.configure({
      tools: Object.fromEntries(
        ["ask", "a", "b", "c", "d"].map((id) => [
          id,
          { declared: takes({}, [], { upstream: id, breaker: { failures: 1_000 } }) },
        ]),
      ),
    });
    await use(world);
  },
});

describe("a share of failures", () => {
  test("above a fifth reduces, above a half leaves the critical tools only", async ({ world }) => {
    await world.passes(70_000, () => world.mix(8, 2));
    expect((await world.gate.level()).level).toBe("normal");
    expect(await world.passes(10_000, () => world.mix(0, 100))).toContain("minimal");
    const [change] = (await world.gate.level()).changes;
    expect(change).toMatchObject({ to: "minimal", by: "tutti" });
    expect(change?.reason).toMatch(/^\d+ % of \d+ calls failed$/);
  });

  test("of a little more than a fifth reduces", async ({ world }) => {
    expect((await world.passes(70_000, () => world.mix(7, 2))).at(-1)).toBe("reduced");
    expect((await world.gate.level()).changes).toHaveLength(1);
  });

  test("of a few calls says nothing", async ({ world }) => {
    await world.passes(10_000);
    await world.mix(0, 19);
    expect(new Set(await world.passes(30_000))).toEqual(new Set(["normal"]));
    expect(await world.pass()).toMatchObject({ share: null, calls: 19 });
    await world.mix(0, 1);
    expect((await world.passes(10_000)).at(-1)).toBe("minimal");
  });

  test("counts successes that are told a pass later than failures", async ({ world }) => {
    await world.passes(15_000);
    // A fifth of what was called failed: told at once, the others only with the next pass.
    await world.end("ask", "down", 20);
    await world.passes(5_000);
    await world.end("ask", "ok", 100);
    expect(new Set(await world.passes(60_000))).toEqual(new Set(["normal"]));
  });

  test("is forgotten when its minute is over; back it goes one level at a time", async ({
    world,
  }) => {
    await world.passes(10_000);
    await world.mix(0, 100);
    expect((await world.passes(10_000)).at(-1)).toBe("minimal");
    const well = () => world.mix(20, 0);
    // One minute until the failures are out of sight, one for each level.
    const levels = await world.passes(240_000, well);
    const lasted = (level: string): number =>
      levels.filter((one) => one === level).length * PASS_MS;
    expect(lasted("minimal")).toBeGreaterThanOrEqual(60_000);
    expect(lasted("reduced")).toBeGreaterThanOrEqual(60_000);
    expect(levels.at(-1)).toBe("normal");
    expect((await world.gate.level()).changes.map(({ from, to }) => [from, to])).toEqual([
      ["reduced", "normal"],
      ["minimal", "reduced"],
      ["normal", "minimal"],
    ]);
  });

  test("between half of the threshold and the threshold keeps the level", async ({ world }) => {
    await world.passes(70_000, () => world.mix(7, 3));
    expect(new Set(await world.passes(300_000, () => world.mix(17, 3)))).toEqual(
      new Set(["reduced"]),
    );
    expect((await world.passes(150_000, () => world.mix(19, 1))).at(-1)).toBe("normal");
  });

  test("that nobody can measure, because all rest, lets a level be tried", async ({ world }) => {
    await world.passes(10_000);
    await world.mix(0, 100);
    await world.passes(10_000);
    expect((await world.passes(300_000)).at(-1)).toBe("normal");
  });
});

describe("services that do not answer", () => {
  const called = async (world: World, tools: readonly string[]) => {
    for (const tool of tools) await world.end(tool, "ok", 1);
  };
  const breakDown = async (world: World, tool: string) => {
    await world.gate.configure({
      tools: { [tool]: { set: { breaker: { failures: 1, openMs: 600_000 } } } },
    });
    await world.end(tool, "down", 1);
  };

  test("reduce when fewer than three are left, and leave the critical ones with one", async ({
    world,
  }) => {
    const all = () => called(world, ["a", "b", "c"]);
    await world.passes(10_000, all);
    await breakDown(world, "a");
    expect((await world.passes(5_000)).at(-1)).toBe("reduced");
    await breakDown(world, "b");
    expect((await world.passes(5_000)).at(-1)).toBe("minimal");
    expect((await world.gate.level()).changes[0]?.reason).toBe("1 of 3 services answer");
    // What was not called for ten minutes is not missed.
    expect((await world.passes(1_200_000, () => called(world, ["c"]))).at(-1)).toBe("normal");
  });

  test("say nothing where there never were three", async ({ world }) => {
    await world.passes(10_000, () => called(world, ["a", "b"]));
    await breakDown(world, "a");
    expect((await world.passes(10_000)).at(-1)).toBe("normal");
  });
});

describe("a level that somebody fixes", () => {
  test("stays, until it is given back", async ({ world }) => {
    await world.passes(10_000);
    await world.gate.configure({ level: 0, levelBy: { who: "ada", reason: "a drill" } });
    await world.mix(0, 100);
    expect(new Set(await world.passes(60_000))).toEqual(new Set(["normal"]));
    expect(await world.gate.level()).toMatchObject({ fixed: { by: "ada", until: null } });
    await world.mix(0, 100);
    await world.gate.configure({ level: "auto", levelBy: { who: "bob" } });
    expect((await world.passes(10_000)).at(-1)).toBe("minimal");
    const { fixed, changes } = await world.gate.level();
    expect(fixed).toBeUndefined();
    expect(changes.map(({ by, from, to }) => [by, from, to])).toEqual([
      ["tutti", "normal", "minimal"],
      ["bob", "normal", "normal"],
      ["ada", "normal", "normal"],
    ]);
    expect(changes.at(-1)?.reason).toBe("a drill");
  });

  test("for a time, goes when it is over", async ({ world }) => {
    const untilMs = world.now + 60_000;
    await world.gate.configure({ level: 2, levelBy: { who: "ada", untilMs } });
    expect(await world.gate.level()).toMatchObject({
      level: "minimal",
      fixed: { by: "ada", until: new Date(untilMs).toISOString() },
    });
    expect((await world.passes(55_000)).at(-1)).toBe("minimal");
    expect((await world.passes(150_000)).at(-1)).toBe("normal");
    expect((await world.gate.level()).fixed).toBeUndefined();
  });

  test("lets the calls of a tool go on at once when another one is fixed", async ({
    world,
    redis,
    prefix,
  }) => {
    await redis.lpush(`${prefix}:ask:wait`, "job");
    await redis.hset(`${prefix}:ask:job`, { timestamp: 1, data: "{}" });
    const caller = { machine: "m", process: "m1" };
    await world.gate.register(caller, 1_000_000_000, { "*": 1_000_000 });
    await world.gate.configure({
      tools: { ask: { set: takes({ cpu: 0.1 }, [], { importance: 1 }) } },
      level: 2,
      levelBy: { who: "ada", untilMs: world.now + 1_000 },
    });
    expect(await world.gate.acquire("ask", caller)).toMatchObject({ reason: "degraded" });
    expect(await world.gate.restsAt("ask")).toBe("minimal");
    await world.gate.configure({ level: 1 });
    expect(await world.gate.restsAt("ask")).toBeNull();
    expect(await world.gate.acquire("ask", caller)).toMatchObject({ status: "granted" });
  });
});
