import { setTimeout as pause } from "node:timers/promises";

import { expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import { MEAN_MS, test } from "../../support/gate/gatehouse.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Lag } from "../../support/waiting/lag.ts";

const forever = async (_input: unknown, { signal }: { signal: AbortSignal }): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error));
  });

test("1. slots of a budget: who holds them, and until when", async ({ gatehouse }) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf } = gatehouse;
  await seed("ask", "render");
  await work({ ask: hold, render: hold });
  await submit("r1", "ask");
  await runs("r1", "ask");
  await submit("r2", "render");
  const { why, reason } = await because("slots", { runId: "r2", step: "render" });
  expect(reason).toMatchObject({ budget: "gpu", need: 2, free: 1, capacity: 2 });
  expect(why.holders).toEqual([
    expect.objectContaining({ of: "gpu", amount: 1, tool: "ask", runId: "r1", step: "ask" }),
  ]);
  expect(why.eta.basis).toBe("mean of 20 calls of ask");
  expect(why.sentence).toMatch(
    /^render waits for 2 of 2 slots of gpu \(1 free\); held by ask \(run r1 step ask, for [\d.]+ m?s\); free at about .* UTC, in [\d.]+ min \(mean of 20 calls of ask\)\.$/,
  );
  expect(why.eta.atMs).toBe(await endOf("r1", "ask"));
  letGo("r1");
  await runs("r2", "render");
});

test("2. a resource of the machine", async ({ gatehouse }) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf } = gatehouse;
  await seed("heavy", "light");
  const worker = await work({ heavy: hold, light: hold });
  await submit("r1", "heavy");
  await runs("r1", "heavy");
  await submit("r2", "light");
  const { why, reason } = await because("resource", { runId: "r2", step: "light" });
  expect(reason).toMatchObject({ resource: "cpu", machine: "m1", need: 0.5, free: 0.4 });
  expect(why.holders).toEqual([
    expect.objectContaining({ amount: 0.6, machine: "m1", process: worker.id, runId: "r1" }),
  ]);
  expect(why.eta.atMs).toBe(await endOf("r1", "heavy"));
  letGo("r1");
  await runs("r2", "light");
});

test("3. a rate, exactly", async ({ gatehouse }) => {
  const { work, submit, because, comesTrue, tutti } = gatehouse;
  await work({ rated: async () => null });
  await submit("r0", "rated");
  await submit("r1", "rated");
  await tutti.result("r1");
  await tutti.result("r0");
  await submit("r2", "rated");
  const { why, reason } = await because("rate", { runId: "r2", step: "rated" });
  expect(reason).toMatchObject({ budget: "tool:rated", capacity: 2, durationMs: 4_000 });
  expect(why.eta).toEqual({ atMs: reason.untilMs, basis: "exact" });
  await comesTrue(why);
});

test("4. a service that asked to be left alone", async ({ gatehouse }) => {
  const { work, seed, submit, runs, because, hold, letGo } = gatehouse;
  let asked = false;
  await seed("mail");
  await work({
    mail: async (input, context) => {
      if (asked) return hold(input, context);
      asked = true;
      throw new TuttiError("tool_unavailable", "too many", {
        details: { status: 429, retryAfterMs: 3_000 },
      });
    },
  });
  await submit("r1", "mail");
  const { why: first } = await because("cool_down", { tool: "mail" });
  expect(first).toMatchObject({ state: "waiting", eta: { basis: "exact" } });
  await submit("r2", "mail");
  const { why, reason } = await because("cool_down", { runId: "r2", step: "mail" });
  expect(reason).toMatchObject({ upstream: "post", untilMs: first.eta.atMs });
  expect(why.sentence).toContain("post, which asked to be left alone until");
  // Behind the pause calls come one by one: first the one that was sent away.
  expect(why.eta.atMs).toBe(reason.untilMs + MEAN_MS);
  await runs("r1", "mail");
  expect((await gatehouse.tutti.get("r2")).steps["mail"]?.state).toBe("pending");
  letGo("r1");
  await runs("r2", "mail");
});

test("5. an open breaker, until its half-open moment", async ({ gatehouse }) => {
  const { work, submit, because, gate } = gatehouse;
  await work({ plain: async () => null });
  for (let call = 0; call < 5; call++) await gate.report("plain", "m1", { class: "down" });
  const [breaker] = (await gatehouse.tutti.gate.show()).troubles;
  expect(breaker).toMatchObject({ kind: "breaker", tool: "plain", state: "open" });
  const untilMs = Date.parse(breaker!.until);
  await submit("r1", "plain");
  const { why, reason } = await because("breaker", { runId: "r1", step: "plain" });
  expect(reason).toMatchObject({ state: "open", untilMs });
  expect(why.eta).toEqual({ atMs: untilMs, basis: "exact" });
});

test("6. the pause after a failed attempt", async ({ gatehouse, redis }) => {
  await using lag = new Lag(redis);
  const { work, because, tutti } = gatehouse;
  let calls = 0;
  await work({
    plain: async () => {
      if (++calls === 1) throw new Error("broken");
      return null;
    },
  });
  const retry = { maxAttempts: 2, backoff: "fixed", baseDelayMs: 3_000, jitter: false };
  const steps = [{ id: "a", tool: "plain", retry }];
  await tutti.submit({ tutti: 1, id: "wf", steps }, { runId: "r1" });
  const { why, reason } = await because("retry", { runId: "r1", step: "a" });
  expect(reason).toMatchObject({ attempts: 1, error: "step_execution_failed" });
  expect(why.eta).toEqual({ atMs: reason.untilMs, basis: "exact" });
  expect((await tutti.get("r1")).steps["a"]).toMatchObject({ eligibleAtMs: reason.untilMs });
  const { finishedAt } = await tutti.result("r1");
  const lateMs = Date.parse(finishedAt!) - why.eta.atMs!;
  expect(lateMs).toBeGreaterThanOrEqual(0);
  expect(lateMs).toBeLessThan(300 + (await lag.ms()));
});

test("7. a time, an approval and an event; who waits behind them", async ({ gatehouse }) => {
  const { work, because, tutti } = gatehouse;
  await work({ plain: async () => null });
  const steps = [
    { id: "nap", waitMs: 3_000 },
    { id: "ok", approval: "Ship it?" },
    { id: "paid", event: "paid" },
    { id: "early", tool: "plain", needs: ["nap"] },
    { id: "ship", tool: "plain", needs: ["ok", "paid"] },
    { id: "tell", tool: "plain", needs: ["ship"] },
  ];
  await tutti.submit({ tutti: 1, id: "wf", steps }, { runId: "r1" });
  const timer = await because("timer", { runId: "r1", step: "nap" });
  expect(timer.why.eta).toEqual({ atMs: timer.reason.untilMs, basis: "exact" });
  const early = await because("dependency", { runId: "r1", step: "early" });
  expect(early.reason).toMatchObject({ steps: ["nap"], root: { subject: "nap" } });
  expect(early.why.eta.atMs).toBe(timer.reason.untilMs);
  await gatehouse.comesTrue(early.why);
  const approval = await because("approval", { runId: "r1", step: "ok" });
  expect(approval.reason).toMatchObject({ message: "Ship it?" });
  expect(approval.why.eta).toEqual({ atMs: null, basis: "unknown: somebody has to decide" });
  expect((await because("event", { runId: "r1", step: "paid" })).reason.name).toBe("paid");
  const tell = await because("dependency", { runId: "r1", step: "tell" });
  expect(tell.reason).toMatchObject({ steps: ["ship"], root: { subject: "ok" } });
  expect(tell.why.eta.atMs).toBeNull();
  expect(tell.why.sentence).toContain("ok waits for an approval (Ship it?)");
  const run = await because("steps", { runId: "r1" });
  expect(run.reason.steps).toEqual(["ok", "paid"]);
});

test("8. its turn among the runs of its tenant, and among those with its word", async ({
  gatehouse,
  redisUrl,
  prefix,
}) => {
  const { work, submit, runs, because, tutti } = gatehouse;
  const { Tutti } = await import("../../../src/tutti.ts");
  const narrow = new Tutti({ redisUrl, prefix, registry: tutti.registry, maxRunning: 1 });
  await work({ plain: forever }, { maxRunning: 1 });
  await submit("r1", "plain");
  await runs("r1", "plain");
  const document = { tutti: 1, id: "wf", steps: [{ id: "plain", tool: "plain" }] };
  await narrow.submit(document, { runId: "r2" });
  await narrow.submit(document, { runId: "r3" });
  await narrow.close();
  const { why, reason } = await because("admission", { runId: "r3" });
  expect(reason).toEqual({ kind: "admission", tenant: "default", ahead: 1, atWork: 1 });
  expect(why.holders).toEqual([expect.objectContaining({ runId: "r1" })]);
  expect(why.eta.atMs).toBeNull();
  expect((await because("admission", { runId: "r2", step: "plain" })).reason.ahead).toBe(0);

  await tutti.workflows.add({ ...document, id: "nightly" });
  await tutti.schedules.add({ id: "s", workflowId: "nightly", everyMs: 60_000, overlap: "queue" });
  const first = await tutti.schedules.run("s");
  const second = await tutti.schedules.run("s");
  const { why: serial } = await because("serial", { runId: second.runId! });
  expect(serial.reasons).toEqual([
    { kind: "serial", word: "schedule:s", holder: first.runId, ahead: 0 },
  ]);
  expect(serial.holders).toEqual([expect.objectContaining({ runId: first.runId })]);
});

test("9. somebody paused the run, or the queue", async ({ gatehouse }) => {
  const { work, submit, because, tutti } = gatehouse;
  await work({ plain: async () => null });
  await tutti.queues.find(({ name }) => name === "plain")!.pause();
  await submit("r1", "plain");
  const queue = await because("paused_queue", { runId: "r1", step: "plain" });
  expect(queue.why.eta.atMs).toBeNull();
  expect((await because("paused_queue", { tool: "plain" })).why.state).toBe("waiting");
  await tutti.pause("r1", { actor: "ann" });
  const run = await because("paused_run", { runId: "r1", step: "plain" });
  expect(run.reason).toEqual({ kind: "paused_run", by: "ann" });
  expect((await because("paused_run", { runId: "r1" })).why.sentence).toContain("ann paused");
});

test("10. no worker that serves the tool", async ({ gatehouse }) => {
  const { work, submit, because, hold } = gatehouse;
  await submit("r1", "plain");
  expect((await because("no_worker", { runId: "r1", step: "plain" })).reason.tool).toBe("plain");
  await work({ ask: hold });
  const { why } = await because("no_worker", { tool: "plain" });
  expect(why.eta).toEqual({ atMs: null, basis: "unknown: no live worker serves the tool" });
});

test("11. jobs of the same tool before it, by the measured time of calls", async ({
  gatehouse,
}) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf, tutti, gate } = gatehouse;
  const WARM_MS = 100;
  await work({
    solo: (input, context) =>
      context.runId === "warm" ? pause(WARM_MS).then(() => null) : hold(input, context),
  });
  const items = "${{ [1, 2, 3, 4, 5, 6] }}";
  const steps = [{ id: "a", tool: "solo", forEach: items, with: { n: "${{ item }}" } }];
  await tutti.submit({ tutti: 1, id: "warm", steps }, { runId: "warm" });
  await tutti.result("warm");
  await eventually(async () => {
    const service = (await gate.show()).services.get("solo");
    // Timers ring a hair early.
    expect(service?.meanMs).toBeGreaterThan(WARM_MS - 2);
    expect(service?.calls).toBe(6);
  });
  await submit("r1", "solo");
  await runs("r1", "solo");
  for (const runId of ["r2", "r3", "r4"]) await submit(runId, "solo");
  // As if they had taken longer: nothing of this is over while it is looked at.
  await seed("solo");
  const { why, reason } = await because("position", { runId: "r4", step: "solo" });
  expect(reason).toMatchObject({ tool: "solo", ahead: 2 });
  expect(why.reasons[0]).toMatchObject({ kind: "slots", budget: "tool:solo", capacity: 1 });
  expect(why.eta).toEqual({
    atMs: (await endOf("r1", "solo")) + 2 * MEAN_MS,
    basis: "mean of 20 calls of solo",
  });
  letGo("r1", "r2", "r3");
  await runs("r4", "solo");
});

test("12. the width of its run, its importance, and more than there is", async ({ gatehouse }) => {
  const { work, submit, because, hold, tutti, gate } = gatehouse;
  await work({ plain: forever, spare: hold, ask: hold });
  const steps = Array.from({ length: 20 }, (_, index) => ({ id: `s${index}`, tool: "plain" }));
  await tutti.submit({ tutti: 1, id: "wide", mode: "adaptive", steps }, { runId: "r1" });
  await eventually(async () => {
    const { width, steps: all } = await tutti.get("r1");
    const running = Object.values(all).filter(({ state }) => state === "running");
    expect(running).toHaveLength(width!.now);
  });
  const waiting = Object.entries((await tutti.get("r1")).steps).filter(
    ([, { state }]) => state === "pending",
  );
  const { reason } = await because("width", { runId: "r1", step: waiting.at(-1)![0] });
  expect(reason.width).toBeGreaterThan(0);

  await gate.configure({ level: 2 });
  await submit("r2", "spare");
  const degraded = await because("degraded", { runId: "r2", step: "spare" });
  expect(degraded.why.eta.atMs).toBeNull();
  expect(degraded.why.sentence).toContain("leave level minimal");
  await gate.configure({ level: 0, budgets: { gpu: { set: { slots: 0 } } } });
  await submit("r3", "ask");
  const exceeds = await because("exceeds", { runId: "r3", step: "ask" });
  expect(exceeds.reason).toMatchObject({ budget: "gpu", need: 1, capacity: 0 });
  expect(exceeds.why.eta.atMs).toBeNull();
});

test("13. what the service carries, the ramp behind a pause, trial calls", async ({
  gatehouse,
  redis,
}) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf, gate, keys } = gatehouse;
  await seed("ask", "mail", "plain");
  let asked = false;
  await work({
    ask: hold,
    plain: hold,
    mail: async (input, context) => {
      if (asked) return hold(input, context);
      asked = true;
      throw new TuttiError("tool_unavailable", "too many", {
        details: { status: 429, retryAfterMs: 50 },
      });
    },
  });
  await gate.configure({ tools: { ask: { learned: { cap: 1 } } } });
  await submit("r1", "ask");
  await runs("r1", "ask");
  await submit("r2", "ask");
  const knee = await because("knee", { runId: "r2", step: "ask" });
  expect(knee.reason.limit).toBe(1);
  expect(knee.why.holders).toEqual([expect.objectContaining({ tool: "ask", runId: "r1" })]);
  expect(knee.why.eta.atMs).toBe(await endOf("r1", "ask"));
  letGo("r1");
  await runs("r2", "ask");

  await submit("r3", "mail");
  await eventually(async () => expect((await gate.show()).running.get("mail")).toBe(1));
  await eventually(async () => expect((await gate.show()).upstreams.get("post")).toBeDefined());
  await submit("r4", "mail");
  const ramp = await because("ramp", { runId: "r4", step: "mail" });
  expect(ramp.reason).toMatchObject({ upstream: "post", allowed: 1 });
  expect(ramp.why.holders).toEqual([expect.objectContaining({ tool: "mail", runId: "r3" })]);
  expect(ramp.why.eta.atMs).toBe(await endOf("r3", "mail"));
  letGo("r3");
  await runs("r4", "mail");

  const now = (await gate.show()).nowMs;
  const half = { s: "half", at: now, until_: now, probes: 3, ok: 0 };
  await redis.hset(`${keys.gate}.trouble`, "b:plain", JSON.stringify(half));
  await redis.publish(keys.troubles, "+b:plain");
  await submit("r5", "plain");
  const trial = await because("breaker", { runId: "r5", step: "plain" });
  expect(trial.reason).toMatchObject({ state: "half_open", probes: 3 });
});

test("14. a machine that is kept for a big job", async ({ gatehouse, redis }) => {
  const { work, seed, submit, runs, because, hold, endOf, gate, keys } = gatehouse;
  await seed("light", "heavy");
  await work({ light: hold, heavy: hold });
  await submit("r1", "light");
  await runs("r1", "light");
  const drain = { tool: "heavy", n: { cpu: 600_000 }, at: (await gate.show()).nowMs, ms: 30_000 };
  await redis.hset(`${keys.gate}.drains`, "m1", JSON.stringify(drain));
  await submit("r2", "light");
  const { why, reason } = await because("drain", { runId: "r2", step: "light" });
  expect(reason).toMatchObject({ resource: "cpu", machine: "m1", tool: "heavy" });
  expect(why.holders).toEqual([{ of: "cpu of m1", tool: "heavy" }]);
  // The one that runs, then the whole of the big one.
  expect(why.eta.atMs).toBe((await endOf("r1", "light")) + MEAN_MS);
});

test("15. a run behind a step, items, and what is being stopped", async ({ gatehouse, redis }) => {
  const { work, because, tutti } = gatehouse;
  await work({ plain: forever });
  await tutti.workflows.add({ tutti: 1, id: "inner", steps: [{ id: "ok", approval: "Sure?" }] });
  const steps = [
    { id: "sub", workflow: "inner" },
    { id: "each", tool: "solo", forEach: "${{ [1, 2] }}" },
  ];
  await tutti.submit({ tutti: 1, id: "outer", steps }, { runId: "r1" });
  const sub = await because("sub_run", { runId: "r1", step: "sub" });
  expect(sub.reason.root?.sentence).toContain("ok waits for an approval (Sure?)");
  const items = await because("items", { runId: "r1", step: "each" });
  expect(items.reason).toMatchObject({ open: 2, root: { subject: "each[0]" } });
  expect((await because("no_worker", { runId: "r1", step: "each[1]" })).reason.tool).toBe("solo");
  await gatehouse.submit("r2", "plain");
  await gatehouse.runs("r2", "plain");
  // What a call that does not let go leaves behind for a while.
  await redis.hset(gatehouse.keys.run("r2"), "state", "cancelling");
  const { why, reason } = await because("stopping", { runId: "r2" });
  expect(reason.steps).toEqual(["plain"]);
  expect(why.state).toBe("cancelling");
});

test("combined: slots and a resource, held by two; the later of both", async ({ gatehouse }) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf } = gatehouse;
  await seed("ask", "heavy");
  await work({ ask: hold, heavy: hold, rendering: hold });
  await submit("r1", "ask");
  await runs("r1", "ask");
  await submit("r2", "heavy");
  await runs("r2", "heavy");
  await submit("r3", "rendering");
  const { why } = await because("slots", { runId: "r3", step: "rendering" });
  expect(why.reasons.map(({ kind }) => kind)).toEqual(["slots", "resource"]);
  expect(why.holders.map(({ tool }) => tool)).toEqual(["ask", "heavy"]);
  expect(why.eta.basis).toContain("mean of 20 calls of heavy");
  const ends = [await endOf("r1", "ask"), await endOf("r2", "heavy")];
  expect(why.eta.atMs).toBe(Math.max(...ends));
  letGo("r1", "r2");
  await runs("r3", "rendering");
});

test("combined: a better claim at the same slots", async ({ gatehouse }) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf } = gatehouse;
  await seed("ask", "render");
  await work({ ask: hold, render: hold });
  await submit("r1", "ask");
  await runs("r1", "ask");
  await submit("r2", "render");
  await because("slots", { runId: "r2", step: "render" });
  await submit("r3", "ask");
  const { why, reason } = await because("behind", { runId: "r3", step: "ask" });
  expect(reason).toEqual({ kind: "behind", budget: "gpu", tool: "render" });
  expect(why.holders).toContainEqual({ of: "gpu", tool: "render" });
  // First the one that has begun, then the whole of the one before it.
  expect(why.eta.atMs).toBe((await endOf("r1", "ask")) + MEAN_MS);
  letGo("r1");
  await runs("r2", "render");
  letGo("r2");
  await runs("r3", "ask");
});

test("combined: every machine refuses; the one that is free first is told", async ({
  gatehouse,
}) => {
  const { work, seed, submit, runs, because, hold, letGo, endOf } = gatehouse;
  await seed("heavy", "light");
  await work({ heavy: hold, light: hold });
  await submit("r1", "heavy");
  await runs("r1", "heavy");
  await work({ heavy: hold, light: hold }, { machine: "m2" });
  await submit("r2", "heavy");
  await runs("r2", "heavy");
  await submit("r3", "light");
  const { why, reason } = await because("resource", { runId: "r3", step: "light" });
  expect(reason.machine).toBe("m1");
  expect(why.holders).toEqual([expect.objectContaining({ machine: "m1", runId: "r1" })]);
  expect(why.eta.atMs).toBe(await endOf("r1", "heavy"));
  letGo("r1");
  await runs("r3", "light");
});

test("a tool whose call takes longer than others do is not called free any moment", async ({
  gatehouse,
  redis,
}) => {
  const { work, submit, runs, because, hold, tutti, keys } = gatehouse;
  await work({ solo: hold });
  await submit("r1", "solo");
  await runs("r1", "solo");
  await submit("r2", "solo");
  await because("slots", { tool: "solo" });
  const { permits, now } = await tutti.gate.show();
  const elapsedMs = Date.parse(now) - Date.parse(permits[0]!.since);
  // Longer than the mean; not twice as long, unless the machine stands still.
  await redis.hset(`${keys.gate}.service`, "solo", `${0.75 * Math.max(1, elapsedMs)} 20`);
  const { why } = await because("slots", { tool: "solo" });
  expect(why.eta.atMs).toBeNull();
  expect(why.eta.basis).toMatch(/^unknown: a call of solo .*(longer|as long as)/);
  expect(why.sentence).not.toContain("any moment");
  for (const runId of ["r1", "r2"]) gatehouse.letGo(runId);
});

test("what runs, has ended or does not exist is told too", async ({ gatehouse }) => {
  const { work, seed, submit, runs, hold, letGo, endOf, tutti } = gatehouse;
  await seed("ask");
  await work({ ask: hold });
  await submit("r1", "ask");
  await runs("r1", "ask");
  const running = await tutti.why({ runId: "r1", step: "ask" });
  expect(running).toMatchObject({ waits: false, state: "running", reasons: [{ kind: "running" }] });
  expect(running.eta.atMs).toBe(await endOf("r1", "ask"));
  letGo("r1");
  await tutti.result("r1");
  expect(await tutti.why({ runId: "r1" })).toMatchObject({
    waits: false,
    reasons: [{ kind: "ended", state: "completed" }],
    sentence: "run r1 has ended: completed.",
  });
  expect(await tutti.why({ tool: "ask" })).toMatchObject({ waits: false, state: "idle" });
  await expect(tutti.why({ runId: "none" })).rejects.toMatchObject({ code: "run_not_found" });
  await expect(tutti.why({ runId: "r1", step: "x" })).rejects.toMatchObject({
    code: "unknown_step",
  });
  await expect(tutti.why({ tool: "asks" })).rejects.toMatchObject({
    code: "tool_not_found",
    details: { suggestion: "ask" },
  });
});
