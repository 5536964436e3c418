import { describe, expect } from "vitest";

import { takes, test } from "../../support/gate/gated.ts";
import { FaultProxy } from "../../support/servers/fault-proxy.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const forever = new AbortController().signal;
const declared = {
  tools: { one: takes({ cpu: 1 }, [["gpu", 1, 0]]) },
  budgets: { gpu: { slots: 1 } },
};

describe("a permit whose answer was lost comes back while its process lives", () => {
  for (const operation of ["acquire", "swap"]) {
    test(`of ${operation}`, async ({ gated, redisUrl }) => {
      await using proxy = await FaultProxy.open(redisUrl, Math.random);
      const process = await gated.process("m", declared, { redisUrl: proxy.url });
      const done: string[] = [];
      for (const name of ["first", "second", "third"]) await gated.queue("one").add(name, {});
      proxy.swallowAnswerTo((request) => request.includes(`"${operation}"`));
      process.serve("one", async (job) => void done.push(job.name));
      await eventually(() => expect(new Set(done)).toEqual(new Set(["first", "second", "third"])), {
        timeoutMs: 30_000,
      });
      expect(proxy.done.swallowed).toBe(1);
      await eventually(async () => {
        const { permits, used } = await gated.gate.show();
        expect({ permits, used }).toEqual({ permits: [], used: new Map() });
      });
      await process.close();
    });
  }
});

test("when Redis loses what the gate knew, limits hold again, and what runs is counted", async ({
  gated,
  redis,
  prefix,
}) => {
  const tools = { one: takes({ cpu: 0.6 }), two: takes({ cpu: 0.6 }) };
  const process = await gated.process("m", { tools }, { leaseMs: 6_000 });
  const held = new Turnstile();
  const other: string[] = [];
  process.serve("one", async (job) => held.pass(job.name, forever));
  await gated.queue("one").add("runs", {});
  await held.holds(1);
  const before = (await gated.gate.show()).permits;
  for await (const keys of redis.scanStream({ match: `${prefix}.gate*` }) as AsyncIterable<
    string[]
  >)
    if (keys.length > 0) await redis.del(...keys);
  await eventually(async () => {
    const { permits, machines } = await gated.gate.show();
    expect(permits).toHaveLength(1);
    expect(machines.get("m")).toMatchObject({ calls: 1, used: { cpu: 600_000 } });
    expect(permits[0]?.id).not.toBe(before[0]?.id);
  });
  process.serve("two", async (job) => void other.push(job.name));
  await gated.queue("two").add("waits", {});
  await eventually(async () =>
    expect((await gated.gate.show()).claims).toMatchObject([{ machine: "m", tool: "two" }]),
  );
  expect(other).toEqual([]);
  held.open();
  await eventually(() => expect(other).toEqual(["waits"]));
  await eventually(async () => expect((await gated.gate.show()).permits).toEqual([]));
});

test("a permit from before a loss of data is not taken for one of today", async ({
  gated,
  redis,
  prefix,
}) => {
  const caller = { machine: "m", process: "p" };
  await gated.queue("one").add("waits", {});
  const start = async (): Promise<string> => {
    await gated.gate.register(caller, 10_000, { "*": 1_000_000 });
    await gated.gate.configure({ tools: { one: { declared: takes({ cpu: 0.1 }) } } });
    const answer = await gated.gate.acquire("one", caller);
    return answer.status === "granted" ? answer.permit : "";
  };
  const old = await start();
  await redis.del(`${prefix}.gate`, `${prefix}.gate.permits`);
  // No Redis comes back within the millisecond in which it was lost: names of permits begin with the time.
  await eventually(async () => {
    const [seconds, microseconds] = (await redis.time()).map(Number);
    expect(seconds! * 1e6 + microseconds!).toBeGreaterThan(Number(old) + 1_000);
  });
  const young = await start();
  await gated.gate.release(old, { class: "ok" });
  expect((await gated.gate.show()).permits.map(({ id }) => id)).toEqual([young]);
});

test("nothing is given to a process without a lease, for nobody would take it back", async ({
  gated,
}) => {
  const caller = { machine: "m", process: "p" };
  await gated.queue("one").add("waits", {});
  await gated.gate.configure({ tools: { one: { declared: takes({ cpu: 0.1 }) } } });
  expect(await gated.gate.acquire("one", caller)).toEqual({ status: "unknown" });
  await gated.gate.register(caller, 10_000, { "*": 1_000_000 });
  expect(await gated.gate.acquire("one", caller)).toMatchObject({ status: "granted" });
});

test("a job that cannot leave says once how its call ended", async ({ gated, redis, prefix }) => {
  // It takes nothing: its ends are reported, and five failures in a row open its breaker.
  const process = await gated.process("m", { tools: { free: takes({}) } });
  process.serve("free", async (job, token) => {
    process.keeper.ended({ id: job.id, token }, { class: "down" });
    await redis.del(`${prefix}:free:${job.id}:lock`);
  });
  for (let index = 0; index < 5; index++) await gated.queue("free").add("loses its lock", {});
  await eventually(async () => {
    const { breakers, upstreams } = await gated.gate.show();
    expect([...breakers.keys(), ...upstreams.keys()]).toEqual(["free"]);
  });
});
