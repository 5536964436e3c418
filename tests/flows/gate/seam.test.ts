import { expect } from "vitest";

import { takes, test } from "../../support/gate/gated.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const forever = new AbortController().signal;

/** What runs at once, and the most of it that ever did. */
class Use {
  readonly #now = new Map<string, number>();
  readonly #most = new Map<string, number>();

  async during(
    work: () => Promise<unknown>,
    amounts: Readonly<Record<string, number>>,
  ): Promise<void> {
    this.#add(amounts, 1);
    await work();
    this.#add(amounts, -1);
  }

  most(name: string): number {
    return this.#most.get(name) ?? 0;
  }

  #add(amounts: Readonly<Record<string, number>>, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(amounts)) {
      const now = (this.#now.get(name) ?? 0) + sign * amount;
      this.#now.set(name, now);
      this.#most.set(name, Math.max(this.most(name), now));
    }
  }
}

const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("a saturated machine that two processes share never holds more than itself, and all jobs end", async ({
  gated,
}) => {
  const tools = Object.fromEntries(
    Array.from({ length: 8 }, (_, index) => [
      `t${index}`,
      { cpu: 0.1 + 0.05 * index, memory: 0.3 - 0.03 * index },
    ]),
  );
  const declared = {
    tools: Object.fromEntries(Object.entries(tools).map(([id, needs]) => [id, takes(needs)])),
  };
  const use = new Use();
  // The first wait until several run at once: how fast they are decides nothing.
  const several = new Turnstile();
  let done = 0;
  for (const id of Object.keys(tools))
    await gated.queue(id).addBulk(Array.from({ length: 40 }, () => ({ name: "job", data: {} })));
  for (let index = 0; index < 2; index++) {
    const process = await gated.process("m", declared);
    for (const [id, needs] of Object.entries(tools)) {
      process.serve(id, async () => {
        await use.during(async () => {
          if (use.most("cpu") > 0.6) several.open();
          await several.pass(id, forever);
          for (let turn = 0; turn < 5; turn++) await tick();
        }, needs);
        done++;
      });
    }
  }
  await eventually(() => expect(done).toBe(320), { timeoutMs: 40_000 }).finally(() =>
    several.open(),
  );
  expect(use.most("cpu")).toBeLessThanOrEqual(1 + 1e-9);
  expect(use.most("memory")).toBeLessThanOrEqual(1 + 1e-9);
  await eventually(async () => expect((await gated.gate.show()).permits).toEqual([]));
});

test("a machine that fills while a worker listens keeps it from starting, and lets it when there is room", async ({
  gated,
}) => {
  const declared = { tools: { big: takes({ cpu: 0.7 }), other: takes({ cpu: 0.6 }) } };
  const one = await gated.process("m", declared);
  const two = await gated.process("m", declared);
  const big = new Turnstile();
  const other = new Turnstile();
  one.serve("big", async (job) => big.pass(job.name, forever));
  two.serve("other", async (job) => other.pass(job.name, forever));
  await gated.queue("big").add("first", {});
  await big.holds(1);
  await gated.queue("other").add("second", {});
  await eventually(async () => {
    const { claims } = await gated.gate.show();
    expect(claims).toMatchObject([{ machine: "m", tool: "other" }]);
  });
  expect(other.came).toEqual([]);
  big.open();
  await other.holds(1);
  other.open();
});

test("a worker closes while it is refused, and takes nothing any more", async ({ gated }) => {
  const declared = { tools: { one: takes({ cpu: 1 }), two: takes({ cpu: 1 }) } };
  const holder = await gated.process("m", declared);
  const refused = await gated.process("m", declared);
  const held = new Turnstile();
  let ran = 0;
  holder.serve("one", async (job) => held.pass(job.name, forever));
  refused.serve("two", async () => void ran++);
  await gated.queue("one").add("holds", {});
  await held.holds(1);
  await gated.queue("two").add("waits", {});
  await eventually(async () =>
    expect((await gated.gate.show()).claims).toMatchObject([{ machine: "m", tool: "two" }]),
  );
  await refused.close();
  held.open();
  await eventually(async () => expect((await gated.gate.show()).permits).toEqual([]));
  expect(ran).toBe(0);
  expect(await gated.queue("two").getWaitingCount()).toBe(1);
});

test("empty queues take no permit, and full ones beside them are served", async ({ gated }) => {
  const tools = Object.fromEntries(
    Array.from({ length: 10 }, (_, index) => [`t${index}`, takes({ cpu: 0.5 })]),
  );
  const process = await gated.process("m", { tools });
  const done: string[] = [];
  for (const id of Object.keys(tools)) process.serve(id, async () => void done.push(id));
  for (let index = 0; index < 20; index++) await gated.queue("t3").add("job", {});
  await eventually(() => expect(done).toHaveLength(20));
  expect(new Set(done)).toEqual(new Set(["t3"]));
});

test("every way out of a job gives its permit back", async ({ gated }) => {
  const process = await gated.process("m", { tools: { one: takes({ cpu: 1 }) } });
  const came: string[] = [];
  process.serve("one", async (job, token) => {
    came.push(job.name);
    if (job.name === "fails") throw new Error("no");
    if (job.name === "retries" && job.attemptsMade === 0) throw new Error("again");
    if (job.name === "delays" && job.attemptsStarted === 1) {
      await job.moveToDelayed(Date.now() + 20, token);
      const { DelayedError } = await import("bullmq");
      throw new DelayedError();
    }
    if (job.name === "goes back" && job.attemptsStarted === 1) {
      await job.moveToWait(token);
      const { WaitingError } = await import("bullmq");
      throw new WaitingError();
    }
  });
  const queue = gated.queue("one");
  await queue.add("completes", {});
  await queue.add("fails", {});
  await queue.add("retries", {}, { attempts: 2 });
  await queue.add("retries later", {}, { attempts: 2, backoff: { type: "fixed", delay: 20 } });
  await queue.add("delays", {});
  await queue.add("goes back", {});
  await eventually(async () => {
    const counts = await queue.getJobCounts();
    expect(counts).toMatchObject({ completed: 5, failed: 1, active: 0, waiting: 0, delayed: 0 });
  });
  await eventually(async () => expect((await gated.gate.show()).permits).toEqual([]));
  expect(came.filter((name) => name === "goes back")).toHaveLength(2);
});

test("what a killed process held comes back when its lease is over", async ({ gated }) => {
  const declared = {
    tools: { one: takes({ cpu: 1 }, [["gpu", 1, 0]]) },
    budgets: { gpu: { slots: 1 } },
  };
  const short = { leaseMs: 300, lockMs: 1_000 };
  const killed = await gated.process("m", declared, short);
  const held = new Turnstile();
  killed.serve("one", async (job) => held.pass(job.name, forever));
  await gated.queue("one").add("first", {});
  await held.holds(1);
  const heir = await gated.process("other", declared, short);
  const done: string[] = [];
  killed.vanish();
  heir.serve("one", async (job) => void done.push(job.name));
  await gated.queue("one").add("second", {});
  await eventually(() => expect([...done].toSorted()).toEqual(["first", "second"]));
  held.open();
  await eventually(async () => {
    const { permits, used } = await gated.gate.show();
    expect({ permits, used }).toEqual({ permits: [], used: new Map() });
  });
});

test.for([-700, 700])(
  "a delayed job is waited for in peace when the clock of Redis is %i ms off",
  async (offMs, { gated }) => {
    let calls = 0;
    const process = await gated.process(
      "m",
      { tools: { one: takes({ cpu: 1 }) } },
      {
        now: () => {
          calls++;
          return Date.now() + offMs;
        },
      },
    );
    const done: string[] = [];
    await gated.queue("one").add("later", {}, { delay: 600 });
    process.serve("one", async (job) => void done.push(job.name));
    await eventually(() => expect(done).toEqual(["later"]));
    expect(calls).toBeLessThan(30);
  },
);

test("a worker without room takes the jobs of tenants in turn, although they need no permit", async ({
  gated,
}) => {
  const { serve } = await gated.process("m", { tools: { plain: takes({}) } });
  const queue = gated.queue("plain");
  const rankOf = (tenant: number) => 16 + tenant * 11 * 190 + 6 * 190;
  const names = ["a", "b", "c"];
  for (const [tenant, name] of names.entries())
    await queue.addBulk(
      Array.from({ length: 40 }, () => ({ name, data: {}, opts: { priority: rankOf(tenant) } })),
    );
  const order: string[] = [];
  serve(
    "plain",
    (job) => {
      order.push(job.name);
      return Promise.resolve(null);
    },
    2,
  );
  await eventually(() => expect(order).toHaveLength(120));
  // Two were fetched before it was full.
  for (const name of names)
    expect(order.slice(0, 60).filter((one) => one === name).length).toBeGreaterThan(15);
});
