import { describe, expect } from "vitest";

import { INLINE_VALUE_BYTES, MAX_VALUE_BYTES } from "../../config/index.ts";
import { test } from "../support/orchestra.ts";
import { workflow } from "../support/workflows.ts";

const LARGE = "ä".repeat(INLINE_VALUE_BYTES / 2);
const TOO_LARGE = "x".repeat(MAX_VALUE_BYTES);

describe("values above 256 kB", () => {
  test("are kept beside the record and read like any other", async ({
    orchestra: { tutti, work },
    redis,
    prefix,
  }) => {
    await work({ probe: ({ text }) => text ?? null });
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "a", with: { text: "${{ input.text }}" } },
          { id: "b", with: { text: "${{ steps.a.output }}" } },
          {
            id: "each",
            forEach: "[1, 2]",
            with: { text: "${{ item == 1 ? steps.b.output : 'x' }}" },
          },
        ],
        { output: "${{ steps.b.output }}" },
      ),
      { input: { text: LARGE } },
    );
    const run = await tutti.result(runId, { timeoutMs: 10_000 });
    expect(run.state).toBe("completed");
    expect(run.output).toBe(LARGE);
    expect(run.steps["each"]?.output).toEqual([LARGE, "x"]);
    const record = await redis.hgetall(`${prefix}.run:${runId}`);
    expect(JSON.stringify(record).length).toBeLessThan(10_000);
    expect(record["o:a"]).toBe(`@${Buffer.byteLength(JSON.stringify(LARGE))}`);
  });
});

describe("values above 16 MB", () => {
  test("are refused as an input, and nothing is written", async ({
    orchestra: { tutti },
    redis,
    prefix,
  }) => {
    await expect(
      tutti.submit(workflow([{ id: "a" }]), { input: { text: TOO_LARGE } }),
    ).rejects.toMatchObject({ code: "payload_too_large" });
    expect(await redis.keys(`${prefix}*`)).toEqual([]);
  });

  test("fail the step that returns them", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: () => TOO_LARGE });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    const { steps } = await tutti.result(runId, { timeoutMs: 10_000 });
    expect(steps["a"]?.state).toBe("failed");
    expect(["payload_too_large", "tool_output_invalid"]).toContain(steps["a"]?.error?.code);
  });

  test("fail the forEach that would join them, and the run whose output they are", async ({
    orchestra: { tutti, work },
  }) => {
    const third = "x".repeat(6_000_000);
    await work({ probe: () => third });
    const each = await tutti.submit(
      workflow([{ id: "e", forEach: "[1, 2, 3]", with: { n: "${{ item }}" } }]),
    );
    const step = (await tutti.result(each.runId, { timeoutMs: 10_000 })).steps;
    expect(step["e"]).toMatchObject({ state: "failed", error: { code: "payload_too_large" } });
    expect(step["e[1]"]?.state).toBe("completed");
    const output = await tutti.submit(
      workflow([{ id: "a" }], { output: [1, 2, 3].map(() => "${{ steps.a.output }}") }),
    );
    expect(await tutti.result(output.runId, { timeoutMs: 10_000 })).toMatchObject({
      state: "failed",
      error: { code: "payload_too_large" },
    });
  });
});
