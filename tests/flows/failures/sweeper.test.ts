import { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { sweep } from "../../../processors/index.ts";
import { Creations, FIELDS, Keys } from "../../../queues/index.ts";
import { compile } from "../../../src/workflow/plan/compile.ts";
import type { Plan } from "../../../src/workflow/plan/plan.ts";
import { test, type Orchestra } from "../../support/deployment/orchestra.ts";
import { NEVER, workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const NOTHING = { admitted: [], enqueued: [], ended: [], released: [], lost: [] };
const IDENTITY = { tenant: "default", actor: "test", correlationId: "c" };

/** Writes the record of a run and dies. */
async function recordOnly({ redisUrl, prefix, parts }: Orchestra, plan: Plan, runId: string) {
  const redis = new Redis(redisUrl);
  const run = {
    runId,
    ...IDENTITY,
    definition: plan.definition,
    hash: plan.workflow.hash,
    input: "{}",
    inputHash: "x",
    priority: 5,
    timeoutMs: plan.definition.timeoutMs,
  };
  await new Creations(redis, new Keys(prefix)).create(run, parts.maxRunning);
  redis.disconnect();
  const { definition, layout } = plan;
  return compile(
    { definition, layout, hash: plan.workflow.hash },
    {
      address: { workflowId: plan.workflow.id, runId, epoch: 0 },
      identity: IDENTITY,
      keys: { tenant: IDENTITY.tenant, steps: {} },
      priority: 1,
    },
  );
}

const wide = (count: number) =>
  workflow([
    ...Array.from({ length: count }, (_, n) => ({ id: `s${n}` })),
    { id: "end", needs: Array.from({ length: count }, (_, n) => `s${n}`) },
  ]);

describe("the sweeper", () => {
  test("adds the jobs of a run whose submitter died before it could", async ({ orchestra }) => {
    const { tutti, work, parts } = orchestra;
    await recordOnly(orchestra, tutti.prepare(wide(3)), "r");
    // Somebody may still be at it.
    expect(await sweep(parts)).toEqual(NOTHING);
    expect(await sweep(parts, 0)).toEqual({ ...NOTHING, enqueued: ["r"] });
    expect(await sweep(parts, 0)).toEqual(NOTHING);
    await work({ probe: () => 1 });
    expect((await tutti.result("r")).state).toBe("completed");
  });

  test(
    "goes on with a large tree of which a part was added",
    { timeout: 60_000 },
    async ({ orchestra }) => {
      const { tutti, work, parts } = orchestra;
      const tree = await recordOnly(orchestra, tutti.prepare(wide(1_500)), "r");
      const died = parts.flows.add(tree, () => Promise.reject(new Error("died")));
      await expect(died).rejects.toThrow("died");
      await work({ probe: () => 1 });
      expect((await sweep(parts, 0)).enqueued).toEqual(["r"]);
      expect((await tutti.result("r", { timeoutMs: 30_000 })).state).toBe("completed");
    },
  );

  test(
    "releases the rest of a large tree whose submitter died between two releases",
    { timeout: 60_000 },
    async ({ orchestra }) => {
      const { tutti, work, parts } = orchestra;
      const tree = await recordOnly(orchestra, tutti.prepare(wide(1_500)), "r");
      const died = parts.flows.add(tree, async () => {
        await parts.runs.note("r", "jobs", "1");
        await parts.flows.promote([{ queue: "probe", jobId: "wf.r.0.s7" }]);
        throw new Error("died");
      });
      await expect(died).rejects.toThrow("died");
      await work({ probe: () => 1 });
      await eventually(async () => expect((await tutti.get("r")).state).toBe("running"));
      expect((await sweep(parts, 0)).enqueued).toEqual(["r"]);
      expect((await tutti.result("r", { timeoutMs: 30_000 })).state).toBe("completed");
    },
  );

  test("ends a run whose canceller died", async ({ orchestra: { tutti, parts } }) => {
    const { runId } = await tutti.submit(wide(2));
    await parts.runs.cancel(runId, { kind: "timeout", reason: "late" });
    expect(await sweep(parts, 0)).toEqual({ ...NOTHING, ended: [runId] });
    expect((await tutti.get(runId)).state).toBe("timed_out");
  });

  test("passes as often as its workers were told to", async ({ orchestra }) => {
    const { tutti, work } = orchestra;
    await recordOnly(orchestra, tutti.prepare(wide(3)), "r");
    await work({ probe: () => 1 }, { sweepIntervalMs: 300 });
    // With the default, a run this young is left alone, and the next pass is later than this test waits.
    expect((await tutti.result("r", { timeoutMs: 20_000 })).state).toBe("completed");
  });

  test.for([
    { of: "a run", document: { onError: "fail_fast" }, group: undefined },
    { of: "a group", document: { groups: { g: { onError: "fail_fast" } } }, group: "g" },
  ])(
    "aborts what runs of $of, when who stopped it died before saying so",
    async ({ document, group }, { orchestra: { tutti, work, parts } }) => {
      const gate = new Turnstile();
      const of = group === undefined ? {} : { group };
      await work(
        { probe: (_input, { stepId, signal }) => gate.pass(stepId, signal).then(() => 1) },
        { tools: ["probe"] },
      );
      const { runId } = await tutti.submit(
        workflow(
          [
            { id: "calls", ...of },
            { id: "fails", tool: "one", ...of },
          ],
          document,
        ),
      );
      await gate.holds(1);
      await parts.ledger.commit(
        { runId, epoch: 0, stepId: "fails", start: 1 },
        {
          outcome: "failed",
          attempts: 1,
          error: { code: "tool_failed", message: "no" },
          aborts: [{ kind: "policy", reason: "fails has failed", ...of }],
        },
      );
      await sweep(parts, 0);
      await work({ one: () => 1 }, { tools: ["one"] });
      expect(await tutti.result(runId, { timeoutMs: 20_000 })).toMatchObject({
        state: "failed",
        steps: { calls: { state: "cancelled", reason: "fails has failed" } },
      });
    },
  );

  test("lets steps go whose links were lost", async ({
    orchestra: { tutti, work, parts, queues },
  }) => {
    const { runId } = await tutti.submit(
      workflow([
        { id: "a" },
        { id: "b", needs: ["a"] },
        { id: "c", needs: ["a"] },
        { id: "first", needs: ["a", "b"], join: "any" },
      ]),
    );
    // Somebody edits the job: it does not know who waits for it beside its parent.
    const job = (await queues.get("probe").getJob(`wf.${runId}.0.a`))!;
    const { links, ...data } = job.data;
    expect(links.to).toHaveLength(2);
    await job.updateData(data);
    await work({ probe: () => 1 });
    const released: string[] = [];
    await eventually(async () => {
      released.push(...(await sweep(parts, 0)).released);
      expect((await tutti.get(runId)).state).toBe("completed");
    });
    expect(released).toEqual([`${runId} c`]);
  });

  test("ends a step whose job is gone, and brings back a root that is gone", async ({
    orchestra: { tutti, work, parts, queues },
  }) => {
    const { runId } = await tutti.submit(workflow([{ id: "a" }, { id: "b", tool: "one" }]));
    await queues.get("one").remove(`wf.${runId}.0.b`, { removeChildren: false });
    await queues.get("tutti.run").remove(`wf.${runId}.0`, { removeChildren: false });
    await work({ probe: () => 1 }, { tools: ["probe"] });
    await eventually(async () => expect((await tutti.get(runId)).state).toBe("running"));
    const lost: string[] = [];
    await eventually(async () => {
      lost.push(...(await sweep(parts, 0)).lost);
      expect((await tutti.get(runId)).state).toBe("partial");
    });
    expect(lost).toContain(`${runId} b`);
  });

  test("wakes what was decided, let go or given a place by somebody who died then", async ({
    orchestra: { tutti, work, parts },
  }) => {
    const gate = new Turnstile();
    await work({ probe: (_input, { stepId, signal }) => gate.pass(stepId, signal).then(() => 1) });
    const waiting = await tutti.submit(workflow([{ id: "ask", approval: "Shall I?" }]));
    await eventually(async () => expect((await tutti.get(waiting.runId)).state).toBe("parked"));
    const decision = { kind: "approved", by: "me", atMs: 0, data: null } as const;
    await parts.waits.decide(waiting.runId, "ask", decision);
    const paused = await tutti.submit(workflow([{ id: "a" }, { id: "b", needs: ["a"] }]));
    await gate.holds(1);
    await parts.waits.pause(paused.runId, "me", 10);
    gate.open();
    await eventually(async () => {
      expect(await parts.waits.heldBack(paused.runId)).toEqual(["b"]);
      // Until its job stands aside, its worker may see that the run goes on.
      expect(await parts.flows.stateOf("probe", `wf.${paused.runId}.0.b`)).toBe("delayed");
    });
    await parts.waits.unpause(paused.runId, 10);
    const { released } = await sweep(parts, 0);
    expect(released.toSorted()).toEqual([`${waiting.runId} ask`, `${paused.runId} b`].toSorted());
    for (const { runId } of [waiting, paused])
      expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  });

  test("enters a job again that has finished although its step has not ended", async ({
    orchestra: { tutti, work, parts },
    redis,
    prefix,
  }) => {
    await work({ probe: () => 1 });
    const { runId } = await tutti.submit(
      workflow([
        { id: "ask", approval: "Shall I?" },
        { id: "b", needs: ["ask"] },
      ]),
    );
    await eventually(async () => expect((await tutti.get(runId)).state).toBe("parked"));
    const job = { queue: "tutti.wait", jobId: `wf.${runId}.0.ask` };
    // It finds that it has no say, and finishes.
    const record = (await redis.hget(`${prefix}.run:${runId}`, "s:ask"))!;
    await parts.runs.note(runId, "s:ask", record.replace(/^W\d+/, "W99"));
    await parts.flows.promote([job]);
    await eventually(async () => {
      expect(await parts.flows.stateOf(job.queue, job.jobId)).toBe("completed");
    });
    await parts.runs.note(runId, "s:ask", record);
    expect((await sweep(parts, 0)).released).toContain(`${runId} ask`);
    await eventually(async () => {
      expect(await parts.flows.stateOf(job.queue, job.jobId)).toBe("delayed");
    });
    await tutti.approve(runId, "ask");
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  });

  test("calls the first steps of a run that was held before they began", async ({
    orchestra: { tutti, work, parts },
  }) => {
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await tutti.pause(runId);
    await work({ probe: () => 1 });
    await eventually(async () => expect(await parts.waits.heldBack(runId)).toEqual(["a"]));
    // Who lets it go dies.
    await parts.waits.unpause(runId, 10);
    expect((await sweep(parts, 0)).released).toEqual([`${runId} a`]);
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  });

  test("calls items that were given a place by somebody who died then", async ({
    orchestra: { tutti, work, parts },
  }) => {
    const { runId } = await tutti.submit(
      workflow([{ id: "e", forEach: "[1, 2]" }], { mode: "adaptive" }),
    );
    await parts.runs.note(runId, "width", "1");
    // Somebody has the only place.
    const other = { runId, epoch: 0, stepId: "other", start: 1 };
    await parts.ledger.begin(other, { once: false, calls: true, fields: [] });
    await work({ probe: () => 1 });
    await eventually(async () => expect(await parts.waits.aside(runId)).toHaveLength(2));
    await eventually(async () => {
      for (const item of [0, 1])
        expect(await parts.flows.stateOf("probe", `wf.${runId}.0.e.${item}`)).toBe("delayed");
    });
    // It gives its place back, and dies before it can say so.
    const ended = await parts.ledger.commit(other, { outcome: "completed", attempts: 1 });
    expect(ended).toHaveProperty("granted.length", 1);
    expect((await sweep(parts, 0)).released).toHaveLength(1);
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).state).toBe("completed");
  });

  test("stops a group whose failed step died before it could tell", async ({
    orchestra: { tutti, work, parts },
  }) => {
    await work({ probe: () => Promise.reject(new Error("again")) });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "slow", group: "g", retry: { maxAttempts: 3, ...NEVER } },
          { id: "ask", group: "g", approval: "?" },
        ],
        { groups: { g: { onError: "fail_fast" } } },
      ),
    );
    await eventually(async () =>
      expect((await tutti.get(runId)).steps).toMatchObject({
        slow: { state: "retrying" },
        ask: { state: "waiting" },
      }),
    );
    const abort = { kind: "policy", reason: "other failed", group: "g" };
    await parts.runs.note(runId, FIELDS.groupAbort("g"), JSON.stringify(abort));
    await sweep(parts, 0);
    expect((await tutti.result(runId, { timeoutMs: 20_000 })).steps).toMatchObject({
      slow: { state: "cancelled" },
      ask: { state: "cancelled" },
    });
  });

  test("parks a run whose last step died before it could", async ({
    orchestra: { tutti, work, parts },
  }) => {
    await work();
    const { runId } = await tutti.submit(workflow([{ id: "ask", approval: "?" }]));
    await eventually(async () => expect((await tutti.get(runId)).state).toBe("parked"));
    await parts.waits.pause(runId, "me", 10);
    await parts.waits.unpause(runId, 10);
    await sweep(parts, 0);
    expect((await tutti.get(runId)).state).toBe("parked");
  });

  test("admits a run that waits although there is room", async ({
    orchestra: { tutti, work, parts },
  }) => {
    const plan = tutti.prepare(workflow([{ id: "a" }]));
    for (let run = 0; run < 11; run++) await tutti.submit(plan, { runId: `r${run}` });
    expect((await tutti.get("r10")).state).toBe("queued");
    expect((await sweep({ ...parts, maxRunning: 11 }, 0)).admitted).toEqual(["r10"]);
    await work({ probe: () => 1 });
    expect((await tutti.result("r10", { timeoutMs: 20_000 })).state).toBe("completed");
  });
});
