import { describe, expect } from "vitest";

import { MAX_WORKER_LOSSES } from "../../../config/index.ts";
import { CONTROL_QUEUES } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

/** Counted out of its budget wherever it stands. */
const endless = "input.list.all(x, input.list.all(y, input.list.all(z, true)))";
const whole = `\${{ ${endless} }}`;
const input = { list: Array.from({ length: 1_000 }, (_, n) => n) };
const limit = { code: "work_limit_exceeded" };

describe("an expression that works without end", () => {
  test("fails its own step or run wherever it stands, and nothing beside it", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ probe: () => 1 });
    const doors = workflow([
      { id: "when", when: whole },
      { id: "with", with: { a: whole } },
      { id: "each", forEach: whole },
      { id: "before", preconditions: [{ check: endless }] },
      { id: "after", postconditions: [{ check: endless }] },
      { id: "waits", waitMs: whole },
      { id: "beside" },
    ]);
    const { runId } = await tutti.submit(doors, { input });
    const { steps } = await tutti.result(runId);
    for (const id of ["when", "with", "each", "waits"])
      expect(steps[id], id).toMatchObject({ state: "failed", error: limit });
    for (const id of ["before", "after"])
      expect(steps[id]?.error?.message, id).toContain("MAX_EXPRESSION_STEPS");
    expect(steps["beside"]).toMatchObject({ state: "completed" });

    const output = { ...workflow([{ id: "a" }]), output: whole };
    const ended = await tutti.result((await tutti.submit(output, { input })).runId);
    expect(ended).toMatchObject({ state: "failed", error: limit });

    const success = { ...workflow([{ id: "a" }]), success: Array<string>(100).fill(endless) };
    const judged = await tutti.result((await tutti.submit(success, { input })).runId);
    expect(judged.state).toBe("completed_with_unmet_criteria");
    expect(judged.unmetCriteria?.[0]).toContain("MAX_EXPRESSION_STEPS");
  });

  test("a schema or a key of it is refused at the door", async ({ orchestra: { tutti } }) => {
    const schema = { type: "object", properties: { a: { pattern: "^(?=(a+)+$)" } } };
    const guarded = { ...workflow([{ id: "a" }]), inputs: schema };
    await expect(
      tutti.submit(guarded, { input: { a: `${"a".repeat(60)}!` } }),
    ).rejects.toMatchObject(limit);
    const wide = Object.fromEntries(Array.from({ length: 4_000 }, (_, n) => [n, { pattern: "a" }]));
    await expect(
      tutti.submit({ ...workflow([{ id: "a" }]), inputs: { properties: wide } }),
    ).rejects.toMatchObject({ code: "document_invalid", message: /MAX_SCHEMAS/ });
  });
});

describe("a control job that its workers die with", () => {
  test.for([
    ["run", { ...workflow([{ id: "a" }]), output: "${{ 1 }}" }],
    ["each", workflow([{ id: "a", forEach: "${{ [1] }}" }])],
    ["wait", workflow([{ id: "a", waitMs: 1 }])],
  ] as const)("%s: ends as worker_lost", async ([kind, document], { orchestra, redis }) => {
    const { tutti, work, prefix } = orchestra;
    const { runId } = await tutti.submit(document);
    const jobs = await redis.keys(`${prefix}:${CONTROL_QUEUES[kind]}:*${runId}*`);
    for (const job of jobs)
      if ((await redis.type(job)) === "hash") await redis.hset(job, "stc", MAX_WORKER_LOSSES);
    await work({ probe: () => 1 });
    const run = await tutti.result(runId);
    expect(run).toMatchObject({ state: "failed", error: { code: "worker_lost" } });
  });
});
