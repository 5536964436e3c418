import { describe, expect } from "vitest";

import { eventually } from "../../support/eventually.ts";
import { takes, test, type GatedFixture } from "../../support/gated.ts";
import { Turnstile } from "../../support/turnstile.ts";

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

describe("who begins to wait gets its turn, however short the calls before it are", () => {
  const tools = {
    shared: {
      flood: takes({}, [["gpu", 1, 0]]),
      waits: takes({}, [["gpu", 1, 0]]),
    },
    "the machine": { flood: takes({ cpu: 0.5 }), waits: takes({ cpu: 0.5 }) },
  };
  for (const [what, ofTools] of Object.entries(tools)) {
    test(`of ${what}`, async ({ gated }) => {
      const process = await gated.process("m", {
        tools: ofTools,
        budgets: { gpu: { slots: 2 } },
      });
      const busy = flood(gated, "flood", plain);
      process.serve("flood", () => busy.ended());
      await busy.ended();
      await eventually(() => expect(busy.count).toBeGreaterThan(50));
      let isDone = false;
      process.serve("waits", async () => {
        isDone = true;
      });
      await gated.queue("waits").add("job", {});
      // The flood goes on until then.
      await eventually(() => expect(isDone).toBe(true));
      busy.stop();
    });
  }
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
