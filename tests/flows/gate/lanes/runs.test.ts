import { describe, expect } from "vitest";

import { dropLanes } from "../../../../processors/index.ts";
import { laneOf } from "../../../../queues/names.ts";
import { forgetRun } from "../../../../queues/worker.ts";
import { workflow } from "../../../support/drawn/workflows.ts";
import { KEY, WAIT, byStep, once, steps, traces } from "../../../support/gate/by-key.ts";
import { apiTool, GateFleet } from "../../../support/gate/gate-fleet.ts";
import { test } from "../../../support/gate/limited.ts";
import { FakeApi } from "../../../support/servers/fake-api.ts";
import { eventually } from "../../../support/waiting/eventually.ts";
import { Turnstile } from "../../../support/waiting/turnstile.ts";

describe("a run with lanes", () => {
  test("is cancelled: what waits in a lane never begins", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    const turnstile = new Turnstile();
    await work({
      ask: async (_, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
    });
    const { runId } = await tutti.submit(steps(4, KEY), { input: { account: "a" } });
    await turnstile.holds(1);
    await tutti.cancel(runId);
    expect((await tutti.result(runId, WAIT)).state).toBe("cancelled");
    expect(turnstile.came).toHaveLength(1);
    const lane = queues.get(laneOf("ask", "a"));
    await eventually(async () => {
      const counts = await lane.getJobCounts("wait", "prioritized", "active", "delayed");
      expect(Object.values(counts)).toEqual([0, 0, 0, 0]);
    });
  });

  test("is paused and goes on", async ({ limited }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    const turnstile = new Turnstile();
    await work({
      ask: async (_, { stepId, signal }) => turnstile.pass(stepId, signal).then(() => null),
    });
    const { runId } = await tutti.submit(steps(3, KEY), { input: { account: "a" } });
    await turnstile.holds(1);
    await tutti.pause(runId);
    turnstile.open();
    await eventually(async () => {
      const states = Object.values((await tutti.get(runId)).steps).map(({ state }) => state);
      expect(states.toSorted()).toEqual(["completed", "pending", "pending"]);
    });
    await tutti.setPriority(runId, 9);
    await tutti.resume(runId);
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
  });

  test("is resumed with another input: what runs again has its key, and nothing is left of either lane", async ({
    limited,
    orchestra: { parts, queues },
    redis,
    prefix,
  }) => {
    const { tutti, work } = limited({ tools: { ask: byStep({ concurrency: 1 }) } });
    await work({
      ask: ({ account }) => {
        if (account === "old") throw new Error("no");
        return null;
      },
    });
    const { runId } = await tutti.submit(
      workflow([
        { id: "kept", tool: "ask", ...KEY },
        {
          id: "again",
          tool: "ask",
          needs: ["kept"],
          ...KEY,
          ...once,
          with: { account: "${{ input.account }}" },
        },
      ]),
      { input: { account: "old" } },
    );
    expect((await tutti.result(runId, WAIT)).state).toBe("partial");
    await expect(tutti.resume(runId, { input: {} })).rejects.toThrow("key of step kept");
    await tutti.resume(runId, { input: { account: "new" } });
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    const count = (key: string) => queues.get(laneOf("ask", key)).getJobCountByTypes();
    expect([await count("old"), await count("new")]).toEqual([2, 1]);
    await eventually(async () => expect(await forgetRun(parts, runId)).toBe(true));
    expect([await count("old"), await count("new")]).toEqual([0, 0]);
    await dropLanes(parts, queues, 0);
    await eventually(async () => expect(await traces(redis, prefix)).toEqual([]));
  });

  test("is undone in the lanes of the tools that undo it", async ({
    limited,
    orchestra: { queues },
  }) => {
    const { tutti, work } = limited({
      tools: {
        ask: byStep({ concurrency: 1 }),
        other: byStep({ concurrency: 1 }),
        own: { limits: { perKey: { by: "tenant", concurrency: 1 } } },
        fail: {},
      },
    });
    await work({
      ask: () => null,
      other: () => null,
      own: () => null,
      fail: () => Promise.reject(new Error("no")),
    });
    const call = { tool: "ask", ...KEY };
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "a", ...call, compensate: { tool: "ask" } },
          { id: "b", ...call, compensate: { tool: "other" } },
          { id: "c", ...call, compensate: { tool: "own" } },
          { id: "bad", tool: "fail", needs: ["a", "b", "c"], ...once },
        ],
        { onError: "recovery" },
      ),
      { input: { account: "a" }, tenant: "t" },
    );
    const run = await tutti.result(runId, WAIT);
    expect(run.compensation?.map(({ state }) => state)).toEqual(Array(3).fill("completed"));
    const count = (tool: string, key: string) =>
      queues.get(laneOf(tool, key)).getJobCountByTypes("completed");
    await eventually(async () =>
      expect([await count("ask", "a"), await count("other", ""), await count("own", "t")]).toEqual([
        4, 1, 1,
      ]),
    );
  });
});

test(
  "a lane keeps its limit while workers are killed, and all of its calls end",
  {
    timeout: 90_000,
  },
  async ({ redisUrl, redis, prefix }) => {
    const SERVICE_MS = 30;
    await using api = await FakeApi.open({ serviceMs: SERVICE_MS });
    const catalogue = [
      "tutti: 1",
      "tools:",
      apiTool("ask", "limits: { perKey: { by: step, concurrency: 1 } }"),
    ].join("\n");
    await using fleet = await GateFleet.start(3, { redisUrl, redis, prefix }, catalogue, api);
    const accountOf = new Map<string, string>();
    for (const account of ["a", "b", "c"]) {
      fleet.prepare(account, "ask", 1, { key: account });
      for (const runId of await fleet.submit(account, 25)) accountOf.set(runId, account);
    }
    for (const count of [10, 30, 50]) {
      await eventually(() => expect(api.calls.length).toBeGreaterThan(count), {
        timeoutMs: 30_000,
      });
      fleet.kill();
    }
    await eventually(async () => expect(await fleet.open()).toBe(0), { timeoutMs: 60_000 });
    const states = (await fleet.views()).map(({ state }) => state);
    expect(new Set(states)).toEqual(new Set(["completed"]));
    for (const account of ["a", "b", "c"]) {
      const times = api.calls
        .filter(({ path }) => accountOf.get(path.split("/")[2]!) === account)
        .map(({ atMs }) => atMs);
      expect(times.length).toBeGreaterThanOrEqual(25);
      for (let n = 1; n < times.length; n++)
        expect(times[n]! - times[n - 1]!).toBeGreaterThanOrEqual(SERVICE_MS - 1);
    }
  },
);
