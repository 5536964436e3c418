import { describe, expect } from "vitest";

import { ValidationError, type Json } from "../../../config/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

describe("the result of a run", () => {
  test("is its output, with the types of the values", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: () => ({ n: 2, list: [1, null] }) });
    const { runId } = await tutti.submit(
      workflow([{ id: "a" }], {
        inputs: { type: "object", properties: { who: { type: "string", default: "you" } } },
        output: {
          n: "${{ steps.a.output.n + 1 }}",
          list: "${{ steps.a.output.list }}",
          text: "for ${{ input.who }}: ${{ steps.a.output }}",
          run: "${{ run.id }}",
        },
      }),
    );
    const run = await tutti.result(runId);
    expect(run.output).toEqual({
      n: 3,
      list: [1, null],
      text: 'for you: {"n":2,"list":[1,null]}',
      run: runId,
    });
  });

  test("is null without one, and missing references fail the run", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ probe: () => ({ n: 2 }) });
    const none = await tutti.submit(workflow([{ id: "a" }]));
    expect((await tutti.result(none.runId)).output).toBeNull();
    const wrong = await tutti.submit(
      workflow([{ id: "a" }], { output: "${{ steps.a.output.gone }}" }),
    );
    expect(await tutti.result(wrong.runId)).toMatchObject({
      state: "failed",
      error: { code: "reference_missing" },
    });
  });

  test.for([
    ["${{ steps.b.output }}", "output: ${{ steps.b.output }}: "],
    [{ n: 1, report: { path: "to ${{ steps.b.output.path }}" } }, "output.report.path: "],
    [{ list: ["x", { "a key": "${{ size(steps.b.output) }}" }] }, 'output.list[1]["a key"]: '],
  ] as [Json, string][])(
    "that reads a skipped step: %j names the field and the step",
    async ([output, start], { orchestra: { tutti, work } }) => {
      await work({ probe: () => ({ n: 2 }) });
      const { runId } = await tutti.submit(
        workflow([{ id: "a" }, { id: "b", needs: ["a"], when: "${{ false }}" }], { output }),
      );
      const { state, error } = await tutti.result(runId);
      expect(state).toBe("failed");
      expect(error?.message.startsWith(start)).toBe(true);
      expect(error).toMatchObject({
        code: "reference_missing",
        message: expect.stringMatching(/; step b was skipped$/) as string,
        details: {
          field: start.slice(0, start.indexOf(": ")),
          withoutOutput: [{ step: "b", state: "skipped" }],
        },
      });
    },
  );

  test("inputs of steps and criteria say the same of what they read", async ({
    orchestra: { tutti, work },
  }) => {
    await work({ probe: () => ({ n: 2 }) });
    const skipped = { id: "b", when: "${{ false }}" };
    const { runId } = await tutti.submit(
      workflow(
        [
          skipped,
          {
            id: "c",
            join: "settled",
            optional: true,
            with: { deep: [1, "${{ steps.b.output.n }}"] },
          },
        ],
        { success: ["steps.b.output.n > 1"] },
      ),
    );
    const { steps, unmetCriteria } = await tutti.result(runId);
    expect(steps["c"]?.error?.message).toMatch(/^with\.deep\[1\]: .*; step b was skipped$/);
    expect(unmetCriteria).toEqual([
      expect.stringMatching(/^steps\.b\.output\.n > 1 \(.*; step b was skipped\)$/),
    ]);
  });

  test("says which success criteria do not hold", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: () => ({ n: 2 }) });
    const { runId } = await tutti.submit(
      workflow([{ id: "a" }], {
        output: "${{ steps.a.output.n }}",
        success: ["steps.a.output.n == 2", "steps.a.output.n > 2", "steps.a.output.gone"],
      }),
    );
    const run = await tutti.result(runId);
    expect(run).toMatchObject({ state: "completed_with_unmet_criteria", output: 2 });
    expect(run.unmetCriteria).toEqual([
      "steps.a.output.n > 2",
      expect.stringMatching(/^steps\.a\.output\.gone \(/),
    ]);
    const met = await tutti.submit(
      workflow([{ id: "a" }], { success: ["${{ steps.a.output.n == 2 }}"] }),
    );
    expect((await tutti.result(met.runId)).state).toBe("completed");
  });

  test("is not there in time: timed_out, and the run goes on", async ({
    orchestra: { tutti, work },
  }) => {
    const gate = new Turnstile();
    await work({
      probe: async (_input, { stepId, signal }) => {
        await gate.pass(stepId, signal);
        return "done";
      },
    });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await expect(tutti.result(runId, { timeoutMs: 30 })).rejects.toMatchObject({
      code: "timed_out",
    });
    gate.open();
    expect((await tutti.result(runId)).steps["a"]?.output).toBe("done");
  });

  test("of a run that does not exist is run_not_found", async ({ orchestra: { tutti } }) => {
    await expect(tutti.result("nobody")).rejects.toMatchObject({ code: "run_not_found" });
    await expect(tutti.get("nobody")).rejects.toMatchObject({ code: "run_not_found" });
  });
});

describe("runs are listed", () => {
  test("newest first, by state, up to a limit", async ({ orchestra: { tutti, work } }) => {
    const ids: string[] = [];
    for (const index of [0, 1, 2]) {
      const { runId } = await tutti.submit(workflow([{ id: "a" }]), { runId: `r${index}` });
      ids.unshift(runId);
      // Runs of one millisecond have no order.
      const submittedAt = (await tutti.list({ limit: 1 }))[0]!.submittedAt;
      await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(submittedAt)));
    }
    expect((await tutti.list()).map((run) => run.runId)).toEqual(ids);
    expect(await tutti.list({ limit: 1 })).toMatchObject([{ runId: "r2", state: "queued" }]);
    await tutti.cancel("r0");
    expect((await tutti.list({ state: "cancelled" })).map((run) => run.runId)).toEqual(["r0"]);
    await work({ probe: () => 1 });
    await tutti.result("r2");
    expect((await tutti.list({ state: "completed", limit: 5 })).map((run) => run.runId)).toContain(
      "r2",
    );
  });
});

describe("the input of a run", () => {
  const inputs = {
    type: "object",
    properties: { n: { type: "integer", default: 7 }, mode: { enum: ["fast", "slow"] } },
    additionalProperties: false,
  };
  const document = workflow([{ id: "a", with: { n: "${{ input.n }}" } }], { inputs });

  test("gets the defaults of its schema", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: ({ n }) => n ?? null });
    const { runId } = await tutti.submit(document);
    expect((await tutti.result(runId)).steps["a"]?.output).toBe(7);
  });

  test("is refused with every problem at once, and nothing is written", async ({
    orchestra: { tutti },
    redis,
    prefix,
  }) => {
    const refused = await tutti
      .submit(document, { input: { n: "x", mode: "fats", nn: 1 } })
      .catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(ValidationError);
    expect((refused as ValidationError).issues.map((issue) => issue.path)).toEqual(
      expect.arrayContaining([
        ["input", "n"],
        ["input", "mode"],
        ["input", "nn"],
      ]),
    );
    expect(await redis.keys(`${prefix}*`)).toEqual([]);
  });

  test.for([
    ["a big integer", { n: 1n }],
    ["a function", { n: () => 1 }],
    ["not a number", { n: Number.NaN }],
    ["undefined", { n: undefined }],
    [
      "a cycle",
      (() => {
        const loop: Record<string, unknown> = {};
        loop["n"] = loop;
        return loop;
      })(),
    ],
    ["a dangerous key", JSON.parse('{"__proto__": 1}')],
  ] as [string, never][])(
    "%s is no JSON: input_invalid",
    async ([, input], { orchestra: { tutti } }) => {
      const open = workflow([{ id: "a" }]);
      await expect(tutti.submit(open, { input })).rejects.toMatchObject({ code: "input_invalid" });
    },
  );

  test("a schema that would be checked later is refused", ({ orchestra: { tutti } }) => {
    const later = workflow([{ id: "a" }], {
      inputs: { $async: true, type: "object", required: ["x"] },
    });
    expect(() => tutti.prepare(later)).toThrow("$async");
  });

  test.for(["", "a:b", "a.b", "x".repeat(65), "ä"])(
    "run id %j is refused",
    async (runId, { orchestra: { tutti } }) => {
      await expect(tutti.submit(document, { runId })).rejects.toMatchObject({
        code: "request_invalid",
      });
    },
  );
});
