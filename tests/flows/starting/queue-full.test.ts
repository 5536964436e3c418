import { describe, expect } from "vitest";

import {
  isTuttiError,
  loadCatalogue,
  toolSpec,
  ToolRegistry,
  type TuttiError,
} from "../../../config/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { test as withOrchestra } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** A catalogue with `probe`, of which so many jobs may wait, and `wide`, which has no limit. */
function registryWith(limits: object): ToolRegistry {
  const registry = new ToolRegistry(loadCatalogue().list());
  for (const [id, more] of Object.entries({ probe: { limits }, wide: {} })) {
    const spec = toolSpec.parse({
      id,
      name: id,
      category: "foundation",
      capabilities: ["testing"],
      idempotent: true,
      binding: { type: "in_process" },
      ...more,
    });
    registry.register({ spec, allow: { commands: [], hosts: [], privateHosts: [] } });
  }
  return registry;
}

/** A client with limits of its own on the deployment of the test. */
const test = withOrchestra.extend<{ client: (limits: object) => Tutti }>({
  client: async ({ redisUrl, prefix }, use) => {
    const opened: Tutti[] = [];
    await use((limits) => {
      const tutti = new Tutti({ redisUrl, prefix, registry: registryWith(limits) });
      opened.push(tutti);
      return tutti;
    });
    await Promise.all(opened.map((tutti) => tutti.close()));
  },
});

const CALLS = workflow([{ id: "a" }]);
const TWO = { queueLength: 2 };

async function refusalOf(work: Promise<unknown>): Promise<TuttiError> {
  const thrown: unknown = await work.then(
    () => new Error("it was accepted"),
    (reason: unknown) => reason,
  );
  if (!isTuttiError(thrown)) throw thrown;
  return thrown;
}

describe("a run whose tool has a full queue", () => {
  test("is refused with the numbers, and nothing of it is kept", async ({ client }) => {
    const tutti = client(TWO);
    await tutti.submit(CALLS, { runId: "r1" });
    await tutti.submit(CALLS, { runId: "r2" });
    const refusal = await refusalOf(tutti.submit(CALLS, { runId: "r3" }));
    expect(refusal).toMatchObject({ code: "queue_full", retryable: true, status: 503 });
    expect(refusal.message).toBe(
      "the queue of probe is full (2 waiting, limit 2); try again in 1 s",
    );
    expect(refusal.details).toEqual({ tool: "probe", waiting: 2, limit: 2, retryAfterMs: 1_000 });
    await expect(tutti.get("r3")).rejects.toMatchObject({ code: "run_not_found" });
    expect(await tutti.list()).toHaveLength(2);
  });

  test("is accepted when there is room again", async ({ client, orchestra: { work } }) => {
    const tutti = client({ queueLength: 1 });
    await tutti.submit(CALLS, { runId: "r1" });
    await refusalOf(tutti.submit(CALLS, { runId: "r2" }));
    await work({ probe: () => "done" });
    await tutti.result("r1");
    expect(await tutti.submit(CALLS, { runId: "r2" })).toEqual({ runId: "r2", created: true });
    expect((await tutti.result("r2")).state).toBe("completed");
  });

  test("is refused by start as well as by submit", async ({ client }) => {
    const tutti = client({ queueLength: 1 });
    await tutti.workflows.add(CALLS);
    await tutti.start("wf", { runId: "r1" });
    const refusal = await refusalOf(tutti.start("wf", { runId: "r2" }));
    expect(refusal.code).toBe("queue_full");
    expect(await tutti.start("wf", { runId: "r1" })).toMatchObject({ created: false });
  });

  test("is told the time that the slowest window of the rate needs to make room", async ({
    client,
  }) => {
    const rate = [
      { max: 100, durationMs: 1_000 },
      { max: 10, durationMs: 3_000 },
    ];
    const fill = client({});
    for (const runId of ["r1", "r2", "r3"]) await fill.submit(CALLS, { runId });
    // Two must go before the next may come, each costs 5 units, 10 units take 3 s.
    const { details } = await refusalOf(client({ ...TWO, rate, cost: 5 }).submit(CALLS));
    expect(details).toEqual({ tool: "probe", waiting: 3, limit: 2, retryAfterMs: 3_000 });
  });

  test("counts jobs with and without a priority", async ({ client, orchestra: { queues } }) => {
    const tutti = client(TWO);
    await queues.get("probe").add("one", {}, { priority: 3 });
    expect(await tutti.submit(CALLS)).toMatchObject({ created: true });
    await refusalOf(tutti.submit(CALLS));
    await queues.get("probe").drain();
    await queues.get("probe").add("two", {});
    await queues.get("probe").add("three", {});
    expect((await refusalOf(tutti.submit(CALLS))).details).toMatchObject({ waiting: 2 });
  });
});

describe("a full queue does not stop", () => {
  test("the same run again, whatever it is started by", async ({ client }) => {
    const tutti = client({ queueLength: 1 });
    await tutti.submit(CALLS, { runId: "r" });
    expect(await tutti.submit(CALLS, { runId: "r" })).toEqual({ runId: "r", created: false });
    // What is wrong with it is told as ever.
    const other = workflow([{ id: "b" }]);
    expect((await refusalOf(tutti.submit(other, { runId: "r" }))).code).toBe("run_conflict");
  });

  test("runs that call other tools, or none", async ({ client }) => {
    const tutti = client({ queueLength: 1 });
    await tutti.submit(CALLS);
    await refusalOf(tutti.submit(CALLS));
    await tutti.submit(workflow([{ id: "a", tool: "wide" }]));
    await tutti.submit(workflow([{ id: "a", approval: "Go on?" }]));
  });

  test("runs behind a step, schedules and events", async ({ client, orchestra: { work } }) => {
    const tutti = client({ queueLength: 1 });
    await tutti.workflows.add(CALLS);
    await tutti.submit(CALLS, { runId: "first" });
    await tutti.schedules.add({ id: "s", workflowId: "wf", everyMs: 3_600_000 });
    await tutti.triggers.add({ id: "t", event: "e", workflowId: "wf" });
    // Serves no tool, so the queue stays full.
    await work({}, { tools: [], registry: registryWith({ queueLength: 1 }) });
    await tutti.submit({ ...workflow([{ id: "s", workflow: "wf" }]), id: "over" });
    expect(await tutti.schedules.run("s")).toMatchObject({ outcome: "started" });
    await tutti.events.emit("e");
    await eventually(async () => {
      const ids = (await tutti.list()).map(({ runId }) => runId);
      expect(ids.filter((id) => /^(sub|s|t)-/.test(id))).toHaveLength(3);
    });
    await refusalOf(tutti.submit(CALLS));
  });
});
