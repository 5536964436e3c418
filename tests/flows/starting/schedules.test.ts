import { describe, expect } from "vitest";

import { WorkflowRegistry } from "../../../queues/client.ts";
import { Schedules, Keys, type FireParts } from "../../../queues/index.ts";
import { fireDue } from "../../../queues/worker.ts";
import type { Tutti } from "../../../src/tutti.ts";
import { test as base, type Orchestra } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const NIGHTLY = workflow([{ id: "a", with: { n: "${{ input.n }}" } }], {
  id: "nightly",
  inputs: {
    type: "object",
    additionalProperties: false,
    properties: { n: { type: "number", default: 7 } },
  },
  output: "${{ steps.a.output }}",
});

const HOUR_MS = 3_600_000;
/** A schedule that BullMQ does not wake while a test runs: the test fires it at times of its choice. */
const HOURLY = { id: "s", workflowId: "nightly", everyMs: HOUR_MS } as const;

interface Clock {
  /** Fires what is due so many milliseconds after the schedule was added. */
  fireAt: (afterMs: number) => ReturnType<typeof fireDue>;
  parts: FireParts;
}

const test = base.extend<{ clock: Clock }>({
  clock: [
    async ({ orchestra: { parts, tutti }, redis, prefix }, use) => {
      const keys = new Keys(prefix);
      const all = {
        ...parts,
        registry: new WorkflowRegistry(redis, keys),
        schedules: new Schedules(redis, keys),
      };
      await tutti.workflows.add(NIGHTLY);
      await use({
        parts: all,
        fireAt: async (afterMs) => {
          const anchorMs = Number(await redis.hget(keys.schedule("s"), "anchorMs"));
          return fireDue(all, "s", anchorMs + afterMs);
        },
      });
    },
    { auto: true },
  ],
});

const ended = async (tutti: Tutti) => {
  const { history } = await tutti.schedules.show("s");
  return Promise.all(
    history.flatMap(({ runId }) => (runId === undefined ? [] : [tutti.result(runId)])),
  );
};

describe("a schedule", () => {
  test("starts a run at each of its times, by BullMQ's clock, with its input and identity", async ({
    orchestra: { tutti, work },
  }) => {
    await tutti.schedules.add({
      ...HOURLY,
      everyMs: 200,
      input: { n: 3 },
      tenant: "t",
      actor: "ada",
      overlap: "queue",
    });
    await work({ probe: (input) => input });
    await eventually(async () =>
      expect((await tutti.schedules.show("s")).counts.started).toBeGreaterThan(2),
    );
    await tutti.schedules.pause("s");
    for (const run of await ended(tutti))
      expect(run).toMatchObject({
        state: "completed",
        output: { n: 3 },
        tenant: "t",
        actor: "ada",
      });
    const { history, counts } = await tutti.schedules.show("s");
    const times = history.map((one) => Date.parse(one.plannedAt));
    // Planned times are whole intervals apart, whatever the clocks did.
    for (const time of times) expect((times[0]! - time) % 200).toBe(0);
    // A slow machine may have started more than are remembered.
    expect(new Set(history.map((one) => one.runId)).size).toBe(Math.min(20, counts.started));
  });

  test("survives a restart of its workers without doubles or gaps", async ({
    orchestra: { tutti, work },
  }) => {
    const add = () => tutti.schedules.add({ ...HOURLY, everyMs: 300, catchUp: "all" });
    expect(await add()).toEqual({ id: "s", created: true });
    const started = async (count: number) =>
      eventually(async () => {
        const { counts } = await tutti.schedules.show("s");
        expect(counts.started + counts.skipped).toBeGreaterThanOrEqual(count);
      });
    const first = await work({ probe: (input) => input });
    await started(2);
    await first.close();
    expect(await add()).toEqual({ id: "s", created: false });
    await Promise.all([work({ probe: (input) => input }), work({ probe: (input) => input })]);
    await started(5);
    await tutti.schedules.pause("s");
    // Who was at it when it was paused ends what was begun. The history is of the last 20, the counts are of all.
    const { history } = await eventually(async () => {
      const shown = await tutti.schedules.show("s");
      expect(await tutti.list({ limit: 1_000 })).toHaveLength(shown.counts.started);
      return shown;
    });
    const times = history.map((one) => Date.parse(one.plannedAt)).toReversed();
    // Each interval once: none lost while nobody was there, none twice with two workers.
    for (const [index, time] of times.entries()) expect(time - times[0]!).toBe(index * 300);
    const runs = history.flatMap(({ runId }) => runId ?? []);
    expect(new Set(runs).size).toBe(runs.length);
  });

  test("by cron is woken at its next time", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: (input) => input });
    await tutti.schedules.add({ id: "s", workflowId: "nightly", cron: "* * * * * *" });
    const { history } = await eventually(async () => {
      const found = await tutti.schedules.show("s");
      expect(found.counts.started).toBeGreaterThan(0);
      return found;
    });
    expect(Date.parse(history[0]!.plannedAt) % 1_000).toBe(0);
  });

  test("fires once for each planned time, also when many look at it at once", async ({
    orchestra: { tutti },
    clock: { fireAt },
  }) => {
    await tutti.schedules.add(HOURLY);
    expect(await fireAt(HOUR_MS - 1)).toEqual([]);
    await Promise.all(Array.from({ length: 10 }, () => fireAt(HOUR_MS)));
    expect(await fireAt(HOUR_MS + 1)).toEqual([]);
    const { history, counts } = await tutti.schedules.show("s");
    expect(history).toHaveLength(1);
    expect(counts).toEqual({ started: 1, skipped: 0, failed: 0, dropped: 0 });
    expect(await tutti.list()).toHaveLength(1);
  });

  test("that was decided about and not started, or started and not noted, is finished once", async ({
    orchestra: { tutti },
    clock: { fireAt, parts },
    redis,
    prefix,
  }) => {
    await tutti.schedules.add(HOURLY);
    const key = `${prefix}.schedule:s`;
    await fireAt(HOUR_MS);
    const [{ runId: first } = { runId: "" }] = (await tutti.schedules.show("s")).history;
    await tutti.cancel(first!);
    // As if a worker had died before the start.
    const anchorMs = Number(await redis.hget(key, "anchorMs"));
    const { hash } = await parts.registry.resolve("nightly");
    const plannedMs = anchorMs + 2 * HOUR_MS;
    const decision = { kind: "start", plannedMs, runId: "left", hash, covers: 0 } as const;
    expect(await parts.schedules.decide("s", decision)).toBe(JSON.stringify(decision));
    expect(await fireAt(2 * HOUR_MS)).toMatchObject([{ outcome: "started", runId: "left" }]);
    // As if it had died between the start and the note of it.
    await redis.hset(
      key,
      "pending",
      JSON.stringify(decision),
      "handledMs",
      String(anchorMs + HOUR_MS),
    );
    expect(await fireAt(2 * HOUR_MS)).toMatchObject([{ outcome: "started", runId: "left" }]);
    expect(await tutti.list()).toHaveLength(2);
  });

  test("notes why it cannot start a run, and goes on", async ({
    orchestra: { tutti },
    clock: { fireAt },
  }) => {
    await tutti.schedules.add({ ...HOURLY, input: { n: 1 } });
    await tutti.workflows.add(
      workflow([{ id: "a" }], { id: "nightly", inputs: { type: "object", maxProperties: 0 } }),
    );
    await fireAt(HOUR_MS);
    expect(await tutti.workflows.remove("nightly")).toMatchObject({
      usedBy: { schedules: ["s"], triggers: [] },
    });
    await fireAt(2 * HOUR_MS);
    await tutti.workflows.add(NIGHTLY);
    await fireAt(3 * HOUR_MS);
    const { history, counts } = await tutti.schedules.show("s");
    expect(history).toMatchObject([
      { outcome: "started" },
      { outcome: "failed", reason: expect.stringContaining("workflow_not_found") },
      { outcome: "failed", reason: expect.stringContaining("input_invalid") },
    ]);
    expect(counts).toMatchObject({ started: 1, failed: 2 });
  });

  test("starts the current version, or the one it names", async ({
    orchestra: { tutti },
    clock: { fireAt },
  }) => {
    const [{ hash: old } = { hash: "" }] = await tutti.workflows.list();
    await tutti.schedules.add({ ...HOURLY, overlap: "cancel_previous" });
    const versionAt = async (afterMs: number) => {
      const [{ runId } = {}] = await fireAt(afterMs);
      return (await tutti.get(runId!)).workflow.hash;
    };
    expect(await versionAt(HOUR_MS)).toBe(old);
    const { hash } = await tutti.workflows.add(workflow([{ id: "b" }], { id: "nightly" }));
    expect(await versionAt(2 * HOUR_MS)).toBe(hash);
    await tutti.schedules.add({ ...HOURLY, overlap: "cancel_previous", hash: old });
    expect(await versionAt(3 * HOUR_MS)).toBe(old);
  });

  test("remembers its last 20 firings and counts all", async ({
    orchestra: { tutti },
    clock: { fireAt },
  }) => {
    await tutti.schedules.add(HOURLY);
    for (let hour = 1; hour <= 25; hour++) await fireAt(hour * HOUR_MS);
    const { history, counts } = await tutti.schedules.show("s");
    expect(history).toHaveLength(20);
    expect(counts).toMatchObject({ started: 1, skipped: 24 });
  });
});

describe("overlap", () => {
  const twice = async (
    { tutti }: Orchestra,
    { fireAt }: Clock,
    overlap: "skip" | "queue" | "cancel_previous",
  ) => {
    await tutti.schedules.add({ ...HOURLY, overlap });
    const [first] = await fireAt(HOUR_MS);
    const [second] = await fireAt(2 * HOUR_MS);
    return [first!, second!] as const;
  };

  test("skip starts no run while the one before is open", async ({ orchestra, clock }) => {
    const { tutti, work } = orchestra;
    const [first, second] = await twice(orchestra, clock, "skip");
    expect(second).toMatchObject({
      outcome: "skipped",
      reason: `run ${first.runId} is still queued`,
    });
    await work({ probe: (input) => input });
    await tutti.result(first.runId!);
    expect(await clock.fireAt(3 * HOUR_MS)).toMatchObject([{ outcome: "started" }]);
  });

  test("queue starts a run when the ones before have ended, in order", async ({
    orchestra,
    clock,
  }) => {
    const { tutti, work } = orchestra;
    const turnstile = new Turnstile();
    await work({
      probe: (_input, { runId, signal }) => turnstile.pass(runId, signal).then(() => 1),
    });
    const [first, second] = await twice(orchestra, clock, "queue");
    const [third] = await clock.fireAt(3 * HOUR_MS);
    const ids = [first, second, third].map((one) => one!.runId!);
    await turnstile.holds(1);
    // A run that is nobody's turn ends meanwhile: the others had every chance to start.
    await tutti.submit(workflow([{ id: "a", tool: "core.echo", with: { value: 1 } }]), {
      runId: "free",
    });
    await tutti.result("free");
    expect(turnstile.came).toEqual([ids[0]]);
    expect((await tutti.get(ids[2]!)).state).toBe("queued");
    turnstile.open();
    for (const id of ids) expect((await tutti.result(id)).state).toBe("completed");
    expect(turnstile.came).toEqual(ids);
  });

  test("cancel_previous stops the run before", async ({ orchestra, clock }) => {
    const { tutti, work } = orchestra;
    const turnstile = new Turnstile();
    await work({
      probe: (_input, { runId, signal }) => turnstile.pass(runId, signal).then(() => 1),
    });
    await tutti.schedules.add({ ...HOURLY, overlap: "cancel_previous" });
    const [first] = await clock.fireAt(HOUR_MS);
    await turnstile.holds(1);
    const [second] = await clock.fireAt(2 * HOUR_MS);
    expect((await tutti.result(first!.runId!)).state).toBe("cancelled");
    turnstile.open();
    expect((await tutti.result(second!.runId!)).state).toBe("completed");
  });
});

describe("catchUp", () => {
  const LATE_MS = 5 * HOUR_MS + 120_000;
  test.for([
    ["none", {}, { started: 0, dropped: 5 }, []],
    ["one", {}, { started: 1, dropped: 0 }, [4]],
    ["one", { catchUpWindowMs: 2 * HOUR_MS }, { started: 1, dropped: 3 }, [1]],
    ["one", { catchUpWindowMs: 0 }, { started: 0, dropped: 5 }, []],
    ["all", {}, { started: 5, dropped: 0 }, [0, 0, 0, 0, 0]],
    ["all", { catchUpWindowMs: 2 * HOUR_MS }, { started: 2, dropped: 3 }, [0, 0]],
  ] as const)(
    "%s %j after five missed firings",
    async ([catchUp, more, counts, covers], { orchestra: { tutti }, clock: { fireAt } }) => {
      await tutti.schedules.add({ ...HOURLY, overlap: "cancel_previous", catchUp, ...more });
      const done = await fireAt(LATE_MS);
      expect((await tutti.schedules.show("s")).counts).toMatchObject(counts);
      const started = done.filter((one) => one.outcome === "started");
      expect(started.map((one) => one.covers ?? 0)).toEqual(covers);
      expect(await fireAt(LATE_MS)).toEqual([]);
      expect(await fireAt(6 * HOUR_MS)).toMatchObject([{ outcome: "started" }]);
    },
  );

  test("all makes up for 100 firings at most", async ({
    orchestra: { tutti },
    clock: { fireAt },
  }) => {
    await tutti.schedules.add({
      ...HOURLY,
      everyMs: 60_000,
      overlap: "skip",
      catchUp: "all",
    });
    await fireAt(130 * 60_000 + 30_000);
    expect((await tutti.schedules.show("s")).counts).toEqual({
      started: 1,
      skipped: 99,
      failed: 0,
      dropped: 30,
    });
  });
});

describe("a schedule can be", () => {
  test("paused and resumed; what was planned meanwhile does not count", async ({
    orchestra: { tutti, queues },
    clock: { fireAt },
  }) => {
    await tutti.schedules.add(HOURLY);
    const woken = () => queues.get("tutti.schedule").getJobScheduler("s");
    expect((await woken())?.next).toBe(Date.parse((await tutti.schedules.show("s")).nextAt!));
    await tutti.schedules.pause("s");
    expect(await woken()).toBeUndefined();
    expect(await tutti.schedules.show("s")).toMatchObject({ paused: true, nextAt: null });
    expect(await fireAt(5 * HOUR_MS)).toEqual([]);
    await tutti.schedules.resume("s");
    expect((await tutti.schedules.show("s")).paused).toBe(false);
    expect((await woken())?.next).toBe(Date.parse((await tutti.schedules.show("s")).nextAt!));
    expect(await fireAt(HOUR_MS)).toHaveLength(1);
  });

  test("fired by hand, also while it is paused, by its rule about overlaps", async ({
    orchestra: { tutti },
    clock: { fireAt },
  }) => {
    await tutti.schedules.add(HOURLY);
    await tutti.schedules.pause("s");
    const first = await tutti.schedules.run("s");
    expect(first).toMatchObject({ outcome: "started", manual: true });
    expect((await tutti.get(first.runId!)).state).toBe("queued");
    expect(await tutti.schedules.run("s")).toMatchObject({ outcome: "skipped", manual: true });
    await tutti.cancel(first.runId!);
    await tutti.schedules.resume("s");
    // What is planned stays as it is.
    expect(await fireAt(HOUR_MS)).toMatchObject([{ outcome: "started" }]);
  });

  test("listed, replaced, and removed without a trace", async ({
    orchestra: { tutti },
    clock: { fireAt },
    redis,
    prefix,
  }) => {
    await tutti.schedules.add({ ...HOURLY, id: "b" });
    await tutti.schedules.add(HOURLY);
    await tutti.schedules.add({ ...HOURLY, id: "a" });
    expect((await tutti.schedules.list()).map((one) => one.id)).toEqual(["a", "b", "s"]);
    await fireAt(HOUR_MS);
    expect(
      await tutti.schedules.add({
        id: "s",
        workflowId: "nightly",
        cron: "0 3 * * *",
        timeZone: "Europe/Berlin",
      }),
    ).toEqual({ id: "s", created: false });
    const replaced = await tutti.schedules.show("s");
    expect(replaced).toMatchObject({ cron: "0 3 * * *", timeZone: "Europe/Berlin", history: [{}] });
    expect(replaced.everyMs).toBeUndefined();
    for (const id of ["a", "b", "s"]) await tutti.schedules.remove(id);
    const left = await redis.keys(`${prefix}*schedul*`);
    expect(left.filter((key) => !/:(meta|events|marker|id)$/.test(key))).toEqual([]);
    for (const call of [
      () => tutti.schedules.show("s"),
      () => tutti.schedules.pause("s"),
      () => tutti.schedules.resume("s"),
      () => tutti.schedules.run("s"),
      () => tutti.schedules.remove("s"),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: "schedule_not_found" });
    }
  });

  test("woken again when BullMQ gave it up", async ({
    orchestra: { tutti, work, queues },
    redis,
    prefix,
  }) => {
    await tutti.schedules.add(HOURLY);
    const queue = queues.get("tutti.schedule");
    const [job] = await queue.getDelayed();
    await redis.zrem(`${prefix}:tutti.schedule:delayed`, job!.id!);
    await redis.del(`${prefix}:tutti.schedule:${job!.id!}`);
    await redis.zadd(`${prefix}:tutti.schedule:repeat`, Date.now() - HOUR_MS, "s");
    await work();
    await eventually(async () => {
      const { nextAt } = await tutti.schedules.show("s");
      expect((await queue.getJobScheduler("s"))?.next).toBe(Date.parse(nextAt!));
      expect((await queue.getDelayed()).some((one) => one.name === "s")).toBe(true);
    });
  });

  test("repaired when nobody wakes it, and forgotten when it is gone", async ({
    orchestra: { tutti, work, queues },
    clock: { parts },
  }) => {
    await tutti.schedules.add(HOURLY);
    await tutti.schedules.add({ ...HOURLY, id: "gone" });
    const queue = queues.get("tutti.schedule");
    await queue.removeJobScheduler("s");
    await parts.schedules.remove("gone");
    await work();
    await eventually(async () => {
      const keys = (await queue.getJobSchedulers()).map((one) => one.key);
      expect(keys.toSorted()).toEqual(["s", "tutti.rearm"]);
    });
  });
});

describe("a schedule is refused", () => {
  test.for([
    [{}, [""]],
    [{ cron: "* * * * *", everyMs: 1_000 }, [""]],
    [{ cron: "61 * * * *" }, ["cron"]],
    [{ cron: "* * *" }, ["cron"]],
    [{ cron: "H * * * *" }, ["cron"]],
    [{ cron: "* * * * *", timeZone: "Mars/Base" }, ["timeZone"]],
    [{ everyMs: 1_000, timeZone: "UTC" }, ["timeZone"]],
    [
      { id: "a:b", everyMs: 1, overlap: "no", catchUp: "no", catchUpWindowMs: -1, x: 1 },
      ["id", "everyMs", "overlap", "catchUp", "catchUpWindowMs", "x"],
    ],
  ] as const)("%j with all problems", async ([more, paths], { orchestra: { tutti } }) => {
    const form = { id: "s", workflowId: "nightly", ...more } as Parameters<
      typeof tutti.schedules.add
    >[0];
    const thrown: unknown = await tutti.schedules.add(form).catch((error: unknown) => error);
    expect(thrown).toMatchObject({ code: "request_invalid" });
    const { issues } = thrown as { issues: { path: string[] }[] };
    expect(issues.map((one) => one.path.join("."))).toEqual(paths);
    expect(await tutti.schedules.list()).toEqual([]);
  });

  test("when its workflow or input is wrong", async ({ orchestra: { tutti } }) => {
    await expect(tutti.schedules.add({ ...HOURLY, workflowId: "none" })).rejects.toMatchObject({
      code: "workflow_not_found",
    });
    await expect(tutti.schedules.add({ ...HOURLY, input: { n: "x", m: 1 } })).rejects.toMatchObject(
      { issues: [{ code: "input_invalid" }, { code: "input_invalid" }] },
    );
  });
});
