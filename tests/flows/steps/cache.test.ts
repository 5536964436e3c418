import { describe, expect } from "vitest";

import { contentHash, canonicalJson } from "../../../config/index.ts";
import { Keys, ownBudget, Results } from "../../../queues/index.ts";
import { SOON, workflow } from "../../support/drawn/workflows.ts";
import { test, type Limited } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const WAIT = { timeoutMs: 20_000 };
const READS = { effect: "read", limits: { rate: { max: 10, durationMs: 60_000 } } };
const LONG = { ttlMs: 600_000 };
const step = (more: object) => ({ id: "a", tool: "look", cache: LONG, ...more });

/** A deployment with one tool, which says how often it was called. */
async function deploy(limited: (declared: { tools: Readonly<Record<string, object>> }) => Limited) {
  const { tutti, work, gate } = limited({ tools: { look: READS } });
  const calls: unknown[] = [];
  await work({
    look: async (input) => {
      calls.push(input);
      if (input["fail"] === true) throw new Error("told to");
      return Promise.resolve({ call: calls.length });
    },
  });
  const run = async (one: object, options: object = {}) => {
    const { runId } = await tutti.submit(workflow([one]), options);
    return (await tutti.result(runId, WAIT)).steps;
  };
  return { calls, run, gate };
}

describe("a step with a cache", () => {
  test("completes from the result of the same call, without a call and what that takes", async ({
    limited,
  }) => {
    const { calls, run, gate } = await deploy(limited);
    expect((await run(step({ with: { q: 1, p: 2 } })))["a"]).toMatchObject({
      state: "completed",
      attempts: 1,
    });
    const again = (await run(step({ with: { p: 2, q: 1 } })))["a"];
    expect(again).toMatchObject({
      state: "completed",
      attempts: 0,
      cached: true,
      output: { call: 1 },
    });
    expect(again?.ageMs).toBeGreaterThanOrEqual(0);
    expect(again).not.toHaveProperty("stale");
    expect(calls).toHaveLength(1);
    // What it took of the rate is given back.
    await eventually(async () =>
      expect((await gate.show()).used).toEqual(
        new Map([[ownBudget("look"), { slots: 0, units: { 60_000: 1 } }]]),
      ),
    );
  });

  test("calls for another input, and without the word", async ({ limited }) => {
    const { calls, run } = await deploy(limited);
    await run(step({ with: { q: 1 } }));
    await run(step({ with: { q: 2 } }));
    expect(calls).toHaveLength(2);
    expect((await run({ id: "a", tool: "look", with: { q: 1 } }))["a"]).not.toHaveProperty(
      "cached",
    );
    expect(calls).toHaveLength(3);
  });

  test("keeps nothing of a call that failed, nor what its postconditions refuse", async ({
    limited,
  }) => {
    const { calls, run } = await deploy(limited);
    await run(step({ with: { fail: true }, retry: { maxAttempts: 1 } }));
    await run(step({ with: {} }));
    const refused = await run(
      step({ with: {}, postconditions: ["${{ output.call == 3 }}"], retry: SOON }),
    );
    expect(refused["a"]).toMatchObject({ state: "completed", output: { call: 3 } });
    expect(calls).toHaveLength(3);
  });

  test("gives every item of a forEach its own result", async ({ limited }) => {
    const { calls, run } = await deploy(limited);
    await run(step({ forEach: "${{ [1, 2] }}", with: { q: "${{ item }}" } }));
    const again = await run(step({ forEach: "${{ [2, 1] }}", with: { q: "${{ item }}" } }));
    expect(again["a[0]"]).toMatchObject({ cached: true });
    expect(again["a"]?.state).toBe("completed");
    expect(calls).toHaveLength(2);
  });
});

describe("kept results", () => {
  const call = (q: number) => ({ tool: "look", version: "1", tenant: "t", input: { q } });

  test("go when their time is over, and are known by tool, version, tenant and input", async ({
    redis,
    prefix,
  }) => {
    const results = new Results(redis, new Keys(prefix));
    await results.keep(call(1), { n: 1 }, 60_000);
    expect(await results.find(call(1))).toMatchObject({ output: { n: 1 } });
    for (const other of [{ tool: "x" }, { version: "2" }, { tenant: "u" }, { input: { q: 2 } }])
      expect(await results.find({ ...call(1), ...other })).toBeNull();
    const key = new Keys(prefix).result(contentHash(canonicalJson(["look", "1", "t", { q: 1 }])));
    expect(await redis.pttl(key)).toBeGreaterThan(50_000);
    await results.keep(call(2), { n: 2 }, 1);
    await eventually(async () => expect(await results.find(call(2))).toBeNull());
  });

  test("are no more than so many, and not too large", async ({ redis, prefix }) => {
    const results = new Results(redis, new Keys(prefix));
    for (let q = 0; q < 5; q++) await results.keep(call(q), { q }, 10_000 + q * 1_000, 3);
    const found = await Promise.all([0, 1, 2, 3, 4].map((q) => results.find(call(q))));
    expect(found.map((one) => one !== null)).toEqual([false, false, true, true, true]);
    await results.keep(call(9), "x".repeat(300_000), 10_000);
    expect(await results.find(call(9))).toBeNull();
  });
});
