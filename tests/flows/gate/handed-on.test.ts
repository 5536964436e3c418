import type { Job } from "bullmq";
import { describe, expect } from "vitest";

import {
  FIRST_RANK,
  RANKS_PER_LEVEL,
  RANKS_PER_TENANT,
} from "../../../queues/gate/scripts/ranks.ts";
import { takes, test, type GatedFixture } from "../../support/gate/gated.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const forever = new AbortController().signal;

/** Adds jobs of a queue whenever few are left, until it is told to stop. */
function flood(
  gated: GatedFixture,
  tool: string,
  add: (count: number) => { name: string; data: object; opts?: object }[],
): { ended: () => Promise<void>; stop: () => void; readonly count: number } {
  let [added, done, on] = [0, 0, true];
  const more = async (): Promise<void> => {
    if (!on || added - done > 40) return;
    added += 40;
    await gated.queue(tool).addBulk(add(40));
  };
  return {
    ended: async () => {
      done++;
      await more();
    },
    stop: () => {
      on = false;
    },
    get count() {
      return done;
    },
  };
}

const plain = (count: number) => Array.from({ length: count }, () => ({ name: "job", data: {} }));

/** How often the gate's script was called. */
const asked = (info: string): number => Number(/cmdstat_evalsha:calls=(\d+)/.exec(info)?.[1] ?? 0);

test("who has a machine for itself asks the gate for few of its calls, and all of them are counted", async ({
  gated,
  redis,
}) => {
  const startMs = (await gated.gate.observe()).now;
  await gated.queue("one").addBulk(plain(400));
  const before = asked(await redis.info("commandstats"));
  const process = await gated.process("m", { tools: { one: takes({ cpu: 0.1 }) } });
  let done = 0;
  process.serve("one", async () => void done++);
  await eventually(() => expect(done).toBe(400));
  await eventually(async () => {
    const { permits, machines } = await gated.gate.show();
    expect(permits).toEqual([]);
    expect(machines.get("m")).toMatchObject({ calls: 0 });
  });
  const { calls } = await gated.gate.observe();
  expect(calls).toHaveLength(400);
  // The same machine, while it was busy: no time is counted twice.
  const { busy, now } = await gated.gate.busy("m");
  expect(busy["one"]).toBeLessThanOrEqual(10 * (now - startMs));
  // BullMQ's own command is one for each job here; who asks for each makes three: end, ask, fetch.
  expect(asked(await redis.info("commandstats")) - before).toBeLessThan(400 * 2);
});

test("where jobs move by BullMQ's own commands each call asks the gate", async ({
  gated,
  redis,
}) => {
  await gated.queue("one").addBulk(plain(400));
  const before = asked(await redis.info("commandstats"));
  const process = await gated.process(
    "m",
    { tools: { one: takes({ cpu: 0.1 }) } },
    { sharedMoves: false },
  );
  let done = 0;
  process.serve("one", async () => void done++);
  await eventually(() => expect(done).toBe(400));
  // The end of a job, the question, the fetch.
  expect(asked(await redis.info("commandstats")) - before).toBeGreaterThan(400 * 2);
});

/** Calls of another tenant that go before one that waits, as docs/gate.md says. */
const BOUND = 2;
/** What may begin to wait while permits of a queue are handed on. */
const BESIDE = {
  "for a budget": { takes: takes({}, [["gpu", 1, 0]]), tool: "waits" },
  "for the machine": { takes: takes({ cpu: 1 }), tool: "waits" },
  "in the same queue": { takes: takes({ cpu: 1 }), tool: "flood" },
};
const rankOf = (tenant: number, turn = 0): object => ({
  priority: FIRST_RANK + tenant * RANKS_PER_TENANT + turn,
});
/** Whether the jobs of a queue stand in it as they are to be called, or the gate puts some of them in order now and then. */
const ORDERS = { "that stands in order": 0, "that is put in order": 10 * RANKS_PER_LEVEL + 50 };
/** The numbers of who has what is handed on, and of who begins to wait: a smaller one stands first in the queue. */
const TENANTS = [
  [0, 1],
  [1, 0],
] as const;

describe("no call begins by a permit that is handed on once somebody waits", () => {
  for (const [what, { takes: ofTool, tool }] of Object.entries(BESIDE)) {
    const kinds = Object.entries(ORDERS).flatMap((order) =>
      TENANTS.map((of) => [...order, of] as const),
    );
    for (const [order, turns, [tenant, other]] of kinds)
      test(`${what}, of tenant ${other} beside a queue of ${tenant} ${order}`, async ({
        gated,
        redis,
        prefix,
      }) => {
        if (turns > 0) await redis.hset(`${prefix}.fair`, `c:${tenant}`, turns);
        const process = await gated.process("m", {
          tools: { flood: ofTool, waits: ofTool },
          budgets: { gpu: { slots: 1 } },
        });
        const calls: string[] = [];
        const gateOf = new Turnstile();
        gateOf.open();
        let turn = 0;
        const busy = flood(gated, "flood", (count) =>
          plain(count).map((job) => ({
            ...job,
            opts: rankOf(tenant, turns === 0 ? 0 : (turn += 7) % RANKS_PER_LEVEL),
          })),
        );
        const work = async (job: Job): Promise<void> => {
          calls.push(job.name);
          await gateOf.pass(job.name, forever);
          if (job.name === "job") await busy.ended();
        };
        process.serve("flood", work);
        process.serve("waits", work);
        await busy.ended();
        for (let round = 0; round < 5; round++) {
          const from = calls.length;
          await eventually(() => expect(calls.length).toBeGreaterThan(from + 50));
          gateOf.shut();
          await gateOf.blocks();
          const waitsFrom = calls.length;
          await gated.queue(tool).add("late", {}, rankOf(other));
          if (tool === "waits")
            await eventually(async () =>
              expect((await gated.gate.show()).claims.map((claim) => claim.tool)).toContain(tool),
            );
          gateOf.open();
          await eventually(() => expect(calls.slice(waitsFrom)).toContain("late"));
          expect(calls.slice(waitsFrom).indexOf("late")).toBeLessThanOrEqual(BOUND);
        }
        busy.stop();
      });
  }

  test("as its queue was paused", async ({ gated }) => {
    const process = await gated.process("m", { tools: { flood: takes({ cpu: 1 }) } });
    const gateOf = new Turnstile();
    gateOf.open();
    const busy = flood(gated, "flood", plain);
    let calls = 0;
    process.serve("flood", async () => {
      calls++;
      await gateOf.pass("job", forever);
      await busy.ended();
    });
    await busy.ended();
    for (let round = 0; round < 5; round++) {
      const from = calls;
      await eventually(() => expect(calls).toBeGreaterThan(from + 50));
      gateOf.shut();
      await gateOf.blocks();
      await gated.queue("flood").pause();
      const before = calls;
      gateOf.open();
      await eventually(async () => expect(await gated.queue("flood").getActiveCount()).toBe(0));
      expect(calls).toBe(before);
      await gated.queue("flood").resume();
    }
    busy.stop();
  });
});

test("a permit that was handed on to a long call is shown as its own", async ({ gated }) => {
  const process = await gated.process("m", { tools: { one: takes({ cpu: 1 }) } });
  const held = new Turnstile();
  process.serve("one", async (job) => {
    if (job.name === "long") await held.pass(job.name, forever);
  });
  const jobs = await gated.queue("one").addBulk([...plain(60), { name: "long", data: {} }]);
  await held.holds(1);
  await eventually(async () => {
    const { permits } = await gated.gate.show();
    expect(permits.map(({ job }) => job)).toEqual([jobs.at(-1)!.id]);
  });
  held.open();
});

test("an operator's smaller limit holds at once for calls that follow each other closely", async ({
  gated,
}) => {
  const process = await gated.process("m", {
    tools: { one: takes({}, [["gpu", 1, 0]]) },
    budgets: { gpu: { slots: 6 } },
  });
  let [running, most] = [0, 0];
  const busy = flood(gated, "one", plain);
  process.serve("one", async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    await busy.ended();
  });
  await busy.ended();
  await eventually(() => expect(most).toBe(6));
  await gated.gate.configure({ budgets: { gpu: { set: { slots: 2 } } } });
  await eventually(async () => expect((await gated.gate.show()).permits.length).toBeLessThan(3));
  most = 0;
  const before = busy.count;
  await eventually(() => expect(busy.count).toBeGreaterThan(before + 100));
  busy.stop();
  expect(most).toBeLessThanOrEqual(2);
});
