import { expect } from "vitest";

import { type ToolLimits } from "../../../queues/client.ts";
import { Gate, Keys } from "../../../queues/index.ts";
import { laneOf } from "../../../queues/names.ts";
import { type Acquired } from "../../../queues/worker.ts";
import { takes } from "../../support/gate/gated.ts";
import { test as withRedis } from "../../support/runner/redis.ts";

const A = laneOf("ask", "a");
const B = laneOf("ask", "b");
const ME = { machine: "m", process: "m1" };

/** A gate in a time of its own, in front of a tool and two lanes of it whose queues are never empty. */
class World {
  now = 1_000_000;
  readonly gate: Gate;

  constructor(gate: (now: () => number) => Gate) {
    this.gate = gate(() => this.now);
  }

  async open(limits: Partial<ToolLimits>): Promise<void> {
    await this.gate.register(ME, 1_000_000_000, { "*": 1_000_000 });
    await this.declare(limits);
  }

  async declare(limits: Partial<ToolLimits>): Promise<void> {
    await this.gate.configure({ tools: { ask: { declared: takes({}, [], limits) } } });
  }

  async permit(queue: string): Promise<string> {
    const answer = await this.gate.acquire(queue, ME);
    if (answer.status !== "granted") throw new Error(`${queue}: ${answer.status}`);
    return answer.permit;
  }

  ask(queue: string): Promise<Acquired> {
    return this.gate.acquire(queue, ME);
  }
}

const test = withRedis.extend<{ world: World }>({
  world: async ({ redis, prefix }, use) => {
    for (const queue of ["ask", A, B]) {
      await redis.lpush(`${prefix}:${queue}:wait`, "one", "two", "three");
      for (const job of ["one", "two", "three"])
        await redis.hset(`${prefix}:${queue}:${job}`, { timestamp: 1, data: "{}" });
    }
    await use(new World((now) => new Gate(redis, new Keys(prefix), now)));
  },
});

test("a lane has limits of its own beside those of its tool, and the tool's own queue has only those", async ({
  world,
}) => {
  await world.open({ perKey: { slots: 1, cost: 1 } });
  await world.permit(A);
  expect(await world.ask(A)).toMatchObject({ status: "refused", reason: `slots:lane:ask` });
  await world.permit(B);
  expect(await world.ask("ask")).toEqual({ status: "open" });
});

test("what is learned of calls is learned of the tool, and its breaker is that of all lanes", async ({
  world,
  redis,
  prefix,
}) => {
  await world.open({ perKey: { slots: 1, cost: 1 } });
  const first = await world.permit(A);
  await world.ask(A);
  world.now += 40;
  await world.gate.release(first, { class: "ok" });
  for (let n = 0; n < 5; n++) await world.gate.release(await world.permit(A), { class: "down" });
  expect(await world.ask(B)).toMatchObject({ status: "refused", reason: "breaker" });
  const { outcomes, running, blockedMs, breakers, upstreams } = await world.gate.show();
  expect(outcomes).toEqual(new Map([["ask", { ok: 1, down: 5 }]]));
  expect(await redis.hgetall(`${prefix}.gate.service`)).toEqual({ ask: "40.000 1" });
  expect(running).toEqual(new Map());
  expect(blockedMs).toEqual(new Map([["ask", { "slots:lane:ask": 40 }]]));
  expect([...breakers.keys(), ...upstreams.keys()]).toEqual(["ask"]);
});

test("the time of calls that are underway counts for the tool, whichever lane they are in", async ({
  world,
}) => {
  await world.open({ perKey: { slots: 1, cost: 1 } });
  await world.permit(A);
  const second = await world.permit(B);
  world.now += 40;
  expect((await world.gate.busy("m")).busy).toEqual({ ask: 80 });
  await world.gate.release(second, { class: "ok" });
  world.now += 10;
  expect((await world.gate.busy("m")).busy).toEqual({ ask: 90 });
});

test("who learns hears how many calls were underway beside one: those of all lanes, over all its time", async ({
  world,
  redis,
  prefix,
}) => {
  await world.open({ perKey: { slots: 2, cost: 1 } });
  await world.gate.observe();
  const first = await world.permit(A);
  world.now += 100;
  const second = await world.permit(B);
  world.now += 300;
  await world.gate.release(second, { class: "ok" });
  const third = await world.permit(B);
  world.now += 600;
  await world.gate.release(first, { class: "ok" });
  world.now += 200;
  await world.gate.release(third, { class: "ok" });
  const { calls } = await world.gate.observe();
  // The first was alone for a tenth of its time, the third for a quarter of its own.
  expect(calls.map(({ ms, concurrency }) => [ms, concurrency])).toEqual([
    [300, 2],
    [1_000, 1.9],
    [800, 1.75],
  ]);
  // What is added up begins anew when nothing runs.
  expect(await redis.exists(`${new Keys(prefix).gate}.call-ms`)).toBe(0);
});

test("where the clock was put back the calls of its end are those that were underway beside one", async ({
  world,
}) => {
  await world.open({ perKey: { slots: 3, cost: 1 } });
  await world.gate.observe();
  const permits = [await world.permit(A), await world.permit(A), await world.permit(B)];
  world.now -= 500;
  for (const permit of permits) await world.gate.release(permit, { class: "ok" });
  const { calls } = await world.gate.observe();
  expect(calls.map(({ concurrency }) => concurrency)).toEqual([3, 2, 1]);
});

test("a limit that is raised is offered at once to those who wait in a lane", async ({ world }) => {
  await world.open({ perKey: { slots: 1, cost: 1 } });
  await world.permit(A);
  expect(await world.ask(A)).toMatchObject({ status: "refused" });
  await world.declare({ perKey: { slots: 2, cost: 1 } });
  const { permits } = await world.gate.show();
  expect(permits.filter(({ isOffered }) => isOffered)).toHaveLength(1);
});

test("a place that comes free in a lane is offered there, not in another", async ({ world }) => {
  await world.open({ perKey: { slots: 1, cost: 1 } });
  const [a] = [await world.permit(A), await world.permit(B)];
  for (const lane of [A, B]) expect(await world.ask(lane)).toMatchObject({ status: "refused" });
  await world.gate.release(a, { class: "ok" });
  expect(await world.ask(B)).toMatchObject({ status: "refused" });
  expect(await world.ask(A)).toMatchObject({ status: "granted" });
});

test("a window of a lane holds until it has passed, and leaves nothing then", async ({
  world,
  redis,
  prefix,
}) => {
  await world.open({ perKey: { rates: [[2, 60_000]], cost: 1 } });
  await world.gate.release(await world.permit(A), { class: "ok" });
  world.now += 30_000;
  await world.gate.release(await world.permit(A), { class: "ok" });
  world.now += 29_000;
  await world.gate.dropPassedLaneWindows();
  expect(await world.ask(A)).toMatchObject({ status: "refused", reason: "rate:lane:ask" });
  await world.gate.leaveLane(A, ME);
  expect((await world.gate.show()).used).toEqual(
    new Map([[`lane:${A}`, { slots: 0, units: { 60_000: 2 } }]]),
  );
  world.now += 32_000;
  await world.gate.dropPassedLaneWindows();
  const { used, claims } = await world.gate.show();
  expect({ used, claims }).toEqual({ used: new Map(), claims: [] });
  const keys = await redis.keys(`${prefix}.gate*`);
  expect(keys.filter((key) => key.includes("@") || key.includes("lane"))).toEqual([]);
});

test("a machine that is gone waits in no lane", async ({ world, redis, prefix }) => {
  await world.open({ perKey: { slots: 1, cost: 1 } });
  await world.gate.register({ machine: "gone", process: "g1" }, 100, { "*": 1_000_000 });
  await world.permit(A);
  await world.gate.acquire(A, { machine: "gone", process: "g1" });
  expect(await redis.hkeys(`${prefix}.gate.lined:gone`)).toEqual([A]);
  world.now += 101;
  await world.gate.dropPassedLaneWindows();
  expect(await redis.keys(`${prefix}.gate.lined:*`)).toEqual([]);
  expect(await redis.keys(`${prefix}.gate.line:*`)).toEqual([]);
});
