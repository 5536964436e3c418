import { describe, expect } from "vitest";

import { Keys, Triggers } from "../../../queues/index.ts";
import type { Tutti } from "../../../src/tutti.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** A workflow that gives back the input it was started with. */
const heard = (id: string) =>
  workflow([{ id: "a", with: { got: "${{ input }}" } }], {
    id,
    output: "${{ steps.a.output.got }}",
  });
const echo = { probe: (input: object) => ({ ...input }) };

/** Waits until so many runs are there and have ended; their outputs in the order of submission. */
const outputs = async (tutti: Tutti, count: number) => {
  const runs = await eventually(async () => {
    const found = await tutti.list();
    expect(found).toHaveLength(count);
    return found;
  });
  const ended = await Promise.all(runs.map(({ runId }) => tutti.result(runId)));
  return ended.toReversed().map((run) => run.output);
};

describe("an event", () => {
  // The pattern of the three events that a monitoring system emits, each with its own handler.
  test.for([
    ["performance_degradation", "optimize_performance", { tool: "a", p95Ms: 900 }],
    ["error_threshold_exceeded", "activate_recovery", { rate: 0.2 }],
    ["new_data_available", "update_models", ["s3://a", "s3://b"]],
  ] as const)(
    "%s starts %s once, with the latest data of a debounced time",
    async ([name, handler, data], { orchestra: { tutti, work } }) => {
      await tutti.workflows.add(heard(handler));
      await tutti.triggers.add({ id: "t", event: name, workflowId: handler, debounceMs: 300 });
      for (const early of [1, 2, 3]) await tutti.events.emit(name, { early });
      expect(await tutti.events.emit(name, data)).toMatchObject({
        duplicate: false,
        triggers: ["t"],
        runs: [],
      });
      await tutti.events.emit("something_else", {});
      await work(echo);
      expect(await outputs(tutti, 1)).toMatchObject([{ event: { name, data } }]);
      const [trigger] = await tutti.triggers.list();
      expect(trigger?.counts).toEqual({ started: 1, failed: 0 });
      const [run] = await tutti.list();
      expect(trigger?.last?.runId).toBe(run?.runId);
    },
  );

  test("starts a run each time, with constant input, for a tenant and an actor", async ({
    orchestra: { tutti, work },
  }) => {
    await tutti.workflows.add(heard("wf"));
    const about = { event: "e", workflowId: "wf", tenant: "t", actor: "ada" };
    await tutti.triggers.add({ ...about, id: "t", input: { constant: 1 } });
    await tutti.triggers.add({ ...about, id: "elsewhere", tenant: "other" });
    const emitted: { eventId: string }[] = [];
    for (const n of [1, 2, 3]) emitted.push(await tutti.events.emit("e", n, { tenant: "t" }));
    await work(echo);
    const got = await outputs(tutti, 3);
    const numbers = got.map((one) => (one as { event: { data: number } }).event.data);
    expect(new Set(numbers)).toEqual(new Set([1, 2, 3]));
    expect(got[0]).toMatchObject({
      constant: 1,
      event: { name: "e", id: expect.any(String), emittedAt: expect.stringMatching(/Z$/) },
    });
    const [newest] = await tutti.list();
    const run = await tutti.get(newest!.runId);
    expect(run).toMatchObject({ tenant: "t", actor: "ada" });
    expect(emitted.map((one) => one.eventId)).toContain(run.correlationId);
  });

  test("with a key is heard once, also when it is emitted by many at once", async ({
    orchestra: { tutti, work },
  }) => {
    await tutti.workflows.add(heard("wf"));
    await tutti.triggers.add({ id: "each", event: "e", workflowId: "wf" });
    await tutti.triggers.add({ id: "debounced", event: "e", workflowId: "wf", debounceMs: 50 });
    const options = { key: "order 17" };
    const all = await Promise.all(
      Array.from({ length: 10 }, () => tutti.events.emit("e", 1, options)),
    );
    expect(new Set(all.map((one) => one.eventId)).size).toBe(1);
    await work(echo);
    await outputs(tutti, 2);
    expect(await tutti.events.emit("e", 2, options)).toEqual({
      eventId: all[0]!.eventId,
      duplicate: true,
      triggers: [],
      runs: [],
    });
    expect((await tutti.events.emit("other", 1, options)).duplicate).toBe(false);
    // Another key, to see that nothing of the duplicate was on its way.
    await tutti.events.emit("e", 3, { key: "order 18" });
    expect(await outputs(tutti, 4)).toHaveLength(4);
  });

  test("is heard by all its triggers, which say what became of it", async ({
    orchestra: { tutti, work },
  }) => {
    await tutti.workflows.add(heard("wf"));
    await tutti.workflows.add(
      workflow([{ id: "a" }], { id: "strict", inputs: { type: "object", maxProperties: 0 } }),
    );
    await tutti.triggers.add({ id: "a", event: "e", workflowId: "wf" });
    await tutti.triggers.add({ id: "b", event: "e", workflowId: "strict" });
    await tutti.triggers.add({ id: "c", event: "f", workflowId: "wf" });
    expect((await tutti.events.emit("e")).triggers).toEqual(["a", "b"]);
    await work(echo);
    await outputs(tutti, 1);
    await eventually(async () =>
      expect(await tutti.triggers.list()).toMatchObject([
        { id: "a", counts: { started: 1, failed: 0 }, last: { runId: expect.any(String) } },
        {
          id: "b",
          counts: { started: 0, failed: 1 },
          last: { reason: expect.stringContaining("input_invalid") },
        },
        { id: "c", counts: { started: 0, failed: 0 }, last: null },
      ]),
    );
  });

  test("starts the current version, or the one its trigger names", async ({
    orchestra: { tutti, work },
  }) => {
    const old = await tutti.workflows.add(heard("wf"));
    await tutti.triggers.add({ id: "current", event: "e", workflowId: "wf" });
    await tutti.triggers.add({ id: "pinned", event: "e", workflowId: "wf", hash: old.hash });
    const { hash } = await tutti.workflows.add(workflow([{ id: "b" }], { id: "wf" }));
    await tutti.events.emit("e");
    await work({ probe: () => 1 });
    await outputs(tutti, 2);
    const hashes = (await tutti.list()).map((run) => run.workflow.hash);
    expect(hashes.toSorted()).toEqual([hash, old.hash].toSorted());
  });

  test("is heard by the steps that wait for it, of its tenant only", async ({
    orchestra: { tutti, work },
  }) => {
    await work();
    const document = {
      tutti: 1,
      id: "waiting",
      steps: [{ id: "a", event: "paid" }],
      output: "${{ steps.a.output }}",
    };
    await tutti.submit(document, { runId: "mine", tenant: "t" });
    await tutti.submit(document, { runId: "other" });
    await tutti.events.emit("paid", { n: 0 }, { tenant: "nobody" });
    const options = { tenant: "t", actor: "ada", key: "k" };
    expect(await tutti.events.emit("paid", { n: 1 }, options)).toMatchObject({
      triggers: [],
      runs: ["mine"],
    });
    expect(JSON.stringify((await tutti.result("mine")).output)).toContain('{"n":1}');
    expect((await tutti.get("other")).finishedAt).toBeNull();
  });
});

describe("a debounced trigger", () => {
  test("never loses the latest of many events, and makes few runs", async ({
    orchestra: { tutti, work },
  }) => {
    await tutti.workflows.add(heard("wf"));
    await tutti.triggers.add({ id: "t", event: "e", workflowId: "wf", debounceMs: 5 });
    // Of those that come before there is a worker only the last is heard.
    for (let n = 1; n <= 20; n++) await tutti.events.emit("e", n);
    await Promise.all([work(echo), work(echo)]);
    // The others come while jobs wait, run and end: at every moment an event may find one or none.
    for (let n = 21; n <= 300; n++) await tutti.events.emit("e", n);
    const seen = await eventually(async () => {
      const runs = await tutti.list({ limit: 1_000 });
      const all = await Promise.all(runs.map(({ runId }) => tutti.result(runId)));
      const data = all.map((run) => (run.output as { event: { data: number } }).event.data);
      expect(data).toContain(300);
      return data;
    });
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBeLessThanOrEqual(281);
    expect(seen.filter((n) => n < 20)).toEqual([]);
  });

  test("is not put off by a stream of events", async ({ orchestra: { tutti, work } }) => {
    await tutti.workflows.add(heard("wf"));
    await tutti.triggers.add({ id: "t", event: "e", workflowId: "wf", debounceMs: 100 });
    await work(echo);
    await eventually(async () => {
      await tutti.events.emit("e");
      expect((await tutti.list()).length).toBeGreaterThan(1);
    });
  });

  test("gives a job that is started again the same event, and the next job the next", async ({
    redis,
    prefix,
  }) => {
    const triggers = new Triggers(redis, new Keys(prefix));
    const event = (id: string) => ({ id, name: "e", data: 1, emittedAtMs: 1 });
    expect(await triggers.claim("t", "job 1")).toBeNull();
    await triggers.setLatest("t", event("first"));
    await triggers.setLatest("t", event("second"));
    expect(await triggers.claim("t", "job 1")).toMatchObject({ id: "second" });
    expect(await triggers.hasLatest("t")).toBe(false);
    await triggers.setLatest("t", event("third"));
    expect(await triggers.claim("t", "job 1")).toMatchObject({ id: "second" });
    expect(await triggers.claim("t", "job 2")).toMatchObject({ id: "third" });
    expect(await triggers.claim("t", "job 3")).toBeNull();
  });
});

describe("a trigger", () => {
  test("is listed, replaced and removed", async ({ orchestra: { tutti }, redis, prefix }) => {
    await tutti.workflows.add(heard("wf"));
    const form = { id: "b", event: "e", workflowId: "wf" };
    expect(await tutti.triggers.add(form)).toEqual({ id: "b", created: true });
    await tutti.triggers.add({ ...form, id: "a" });
    expect(await tutti.triggers.add({ ...form, event: "f" })).toEqual({ id: "b", created: false });
    expect((await tutti.triggers.list()).map(({ id, event }) => [id, event])).toEqual([
      ["a", "e"],
      ["b", "f"],
    ]);
    expect((await tutti.events.emit("e")).triggers).toEqual(["a"]);
    expect((await tutti.workflows.remove("wf")).usedBy.triggers).toEqual(["a", "b"]);
    for (const id of ["a", "b"]) await tutti.triggers.remove(id);
    expect(await redis.keys(`${prefix}.trigger*`)).toEqual([]);
    await expect(tutti.triggers.remove("a")).rejects.toMatchObject({ code: "trigger_not_found" });
  });

  test("that is removed drops the event it gathered", async ({
    orchestra: { tutti, work, queues },
  }) => {
    await tutti.workflows.add(heard("wf"));
    await tutti.triggers.add({ id: "t", event: "e", workflowId: "wf", debounceMs: 1 });
    await tutti.events.emit("e");
    await tutti.triggers.remove("t");
    await work(echo);
    await eventually(async () =>
      expect(await queues.get("tutti.trigger").getCompletedCount()).toBe(1),
    );
    expect(await tutti.list()).toEqual([]);
  });

  test.for([
    [{ id: "a.b", event: "a b", debounceMs: -1, x: 1 }, ["id", "event", "debounceMs", "x"]],
    [{ input: { event: 1 } }, ["input.event"]],
    [{ input: [] }, ["input"]],
  ] as const)(
    "%j is refused with all problems",
    async ([more, paths], { orchestra: { tutti } }) => {
      await tutti.workflows.add(heard("wf"));
      const form = { id: "t", event: "e", workflowId: "wf", ...more } as Parameters<
        typeof tutti.triggers.add
      >[0];
      const thrown: unknown = await tutti.triggers.add(form).catch((error: unknown) => error);
      const { issues } = thrown as { issues: { code: string; path: string[] }[] };
      expect(issues.map((one) => one.path.join("."))).toEqual(paths);
      expect(issues.map((one) => one.code)).toEqual(paths.map(() => "request_invalid"));
    },
  );

  test("of a workflow that is not registered, and events that are none, are refused", async ({
    orchestra: { tutti },
  }) => {
    await expect(
      tutti.triggers.add({ id: "t", event: "e", workflowId: "none" }),
    ).rejects.toMatchObject({ code: "workflow_not_found" });
    await expect(tutti.events.emit("a b")).rejects.toMatchObject({ code: "request_invalid" });
    await expect(tutti.events.emit("e", 1, { key: "" })).rejects.toMatchObject({
      code: "request_invalid",
    });
    await expect(tutti.events.emit("e", "x".repeat(256_001))).rejects.toMatchObject({
      code: "payload_too_large",
    });
    await expect(tutti.events.emit("e", Number.NaN)).rejects.toMatchObject({
      code: "request_invalid",
    });
  });
});
