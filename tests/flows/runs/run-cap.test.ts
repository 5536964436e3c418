import { expect } from "vitest";

import type { ToolHandler } from "../../../processors/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 30_000 };

test("ten runs of a tenant are at work, the eleventh starts when one of them ends", async ({
  orchestra: { tutti, work },
}) => {
  const gates = new Map<string, Turnstile>();
  const gateOf = (runId: string): Turnstile => {
    const gate = gates.get(runId) ?? new Turnstile();
    gates.set(runId, gate);
    return gate;
  };
  const probe: ToolHandler = async (_input, { runId, stepId, signal }) => {
    await gateOf(runId).pass(stepId, signal);
    return null;
  };
  await work({ probe });
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  const ids = Array.from({ length: 11 }, (_, index) => `run-${index}`);
  for (const runId of ids) await tutti.submit(plan, { runId });
  const last = ids.at(-1)!;
  for (const runId of ids.slice(0, 10)) await gateOf(runId).holds(1);
  expect(await tutti.get(last)).toMatchObject({ state: "queued", admittedAt: null });
  expect((await tutti.get("run-0")).admittedAt).not.toBeNull();
  // Another tenant has ten of its own.
  await tutti.submit(plan, { runId: "other", tenant: "other" });
  await gateOf("other").holds(1);
  expect((await tutti.get(last)).admittedAt).toBeNull();

  gateOf("run-4").open();
  await gateOf(last).holds(1);
  expect((await tutti.get("run-4")).state).toBe("completed");
  expect((await tutti.get(last)).admittedAt).not.toBeNull();
  for (const runId of [...ids, "other"]) gateOf(runId).open();
  for (const runId of ids) expect((await tutti.result(runId, WAIT)).state).toBe("completed");
});

test("a run that is paused or parked gives its place to another, and takes one again", async ({
  orchestra: { tutti, work },
}) => {
  const gate = new Turnstile();
  const probe: ToolHandler = async (_input, { runId, signal }) => {
    await gate.pass(runId, signal);
    return null;
  };
  await work({ probe });
  for (let index = 0; index < 9; index++)
    await tutti.submit(workflow([{ id: "a" }]), { runId: `busy-${index}` });
  await gate.holds(9);
  // The tenth waits for somebody and needs no place.
  await tutti.submit(workflow([{ id: "ok", approval: "?" }]), { runId: "parked" });
  await eventually(async () => expect((await tutti.get("parked")).state).toBe("parked"));
  await tutti.submit(workflow([{ id: "a" }]), { runId: "tenth" });
  await gate.holds(10);
  await tutti.submit(workflow([{ id: "a" }]), { runId: "eleventh" });
  expect((await tutti.get("eleventh")).admittedAt).toBeNull();
  await tutti.pause("busy-0");
  await gate.holds(11);
  expect(gate.came.at(-1)).toBe("eleventh");
  // Whoever comes back goes on at once, even if that is one too many for a while.
  await tutti.resume("busy-0");
  await tutti.approve("parked", "ok");
  expect((await tutti.result("parked", WAIT)).state).toBe("completed");
  gate.open();
  expect((await tutti.result("busy-0", WAIT)).state).toBe("completed");
  expect((await tutti.result("eleventh", WAIT)).state).toBe("completed");
});

test("a run that waits for its turn can be cancelled, and takes no place then", async ({
  orchestra: { tutti, work },
}) => {
  const gate = new Turnstile();
  await work({
    probe: async (_input, { runId, signal }) => {
      await gate.pass(runId, signal);
      return null;
    },
  });
  for (let index = 0; index < 10; index++)
    await tutti.submit(workflow([{ id: "a" }]), { runId: `busy-${index}` });
  await tutti.submit(workflow([{ id: "a" }]), { runId: "waits" });
  await tutti.submit(workflow([{ id: "a" }]), { runId: "next" });
  expect((await tutti.cancel("waits")).state).toBe("cancelled");
  gate.open();
  expect((await tutti.result("next", WAIT)).state).toBe("completed");
  expect(gate.came).not.toContain("waits");
});

test("who ends a run adds the jobs of the next one in the same script", async ({
  orchestra: { tutti, parts, queues, prefix },
  redis,
}) => {
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  for (let index = 0; index < 11; index++) await tutti.submit(plan, { runId: `run-${index}` });
  const waiting = queues.get("probe");
  expect(await waiting.getJob("wf.run-10.0.a")).toBeUndefined();
  const ended = await parts.runs.finish("run-3", 0, { state: "failed" }, 10);
  // Nobody is told to add anything.
  expect(ended).toEqual({ state: "failed", admitted: [] });
  const job = await waiting.getJob("wf.run-10.0.a");
  expect(job?.data).toMatchObject({ runId: "run-10", tenant: "default", last: true });
  expect(job?.opts.priority).toBe(Number(await redis.hget(`${prefix}.run:run-10`, "rank")));
  expect(await redis.hget(`${prefix}.run:run-10`, "flow")).toBeNull();
  for (let index = 0; index < 11; index++) await tutti.cancel(`run-${index}`);
});

test("who has another BullMQ does not add jobs as this one would", async ({
  orchestra: { tutti, parts, queues, prefix },
  redis,
}) => {
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  for (let index = 0; index < 11; index++) await tutti.submit(plan, { runId: `run-${index}` });
  const record = `${prefix}.run:run-10`;
  const flow = JSON.parse((await redis.hget(record, "flow"))!) as object;
  await redis.hset(record, "flow", JSON.stringify({ ...flow, texts: "others" }));
  const ended = await parts.runs.finish("run-3", 0, { state: "failed" }, 10);
  // Whoever is told adds them.
  expect(ended).toEqual({ state: "failed", admitted: ["run-10"] });
  expect(await queues.get("probe").getJob("wf.run-10.0.a")).toBeUndefined();
  for (let index = 0; index < 11; index++) await tutti.cancel(`run-${index}`);
});

test("a run that was stopped while it waited, and goes on, has the jobs of its epoch", async ({
  orchestra: { tutti, work },
}) => {
  const gate = new Turnstile();
  const probe: ToolHandler = async (_input, { runId, signal }) => {
    await gate.pass(runId, signal);
    return null;
  };
  await work({ probe });
  const plan = tutti.prepare(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]));
  for (let index = 0; index < 11; index++) await tutti.submit(plan, { runId: `run-${index}` });
  await gate.holds(10);
  await tutti.cancel("run-10");
  await eventually(async () => expect((await tutti.get("run-10")).state).toBe("cancelled"));
  await tutti.resume("run-10");
  gate.open();
  for (let index = 0; index < 11; index++)
    expect((await tutti.result(`run-${index}`, WAIT)).state).toBe("completed");
  expect(gate.came.filter((runId) => runId === "run-10")).toHaveLength(2);
});
