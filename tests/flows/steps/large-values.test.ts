import { describe, expect } from "vitest";

import { INLINE_VALUE_BYTES, MAX_VALUE_BYTES } from "../../../config/index.ts";
import { Keys, Values } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";

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
    const run = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(run.state).toBe("completed");
    expect(run.output).toBe(LARGE);
    expect(run.steps["each"]?.output).toEqual([LARGE, "x"]);
    const record = await redis.hgetall(`${prefix}.run:${runId}`);
    expect(JSON.stringify(record).length).toBeLessThan(10_000);
    expect(record["o:a"]).toBe(`@${Buffer.byteLength(JSON.stringify(LARGE))}`);
  });
});

test("what comes too late replaces nothing that stands", async ({
  orchestra: { tutti, parts },
  redis,
  prefix,
}) => {
  const { runId } = await tutti.submit(workflow([{ id: "a" }]));
  const values = new Values(redis, new Keys(prefix));
  const start = (number: number) => ({ runId, epoch: 0, stepId: "a", start: number });
  const options = { once: false, calls: true, fields: [] };
  // A worker is thought dead and is not: another one makes the call again.
  await parts.ledger.begin(start(1), options);
  await parts.ledger.begin(start(2), options);
  const commit = async (number: number, value: string) => {
    const output = await values.draft(runId, "o:a", value);
    const { status } = await parts.ledger.commit(start(number), {
      outcome: "completed",
      attempts: 1,
      output,
    });
    return status;
  };
  expect(await commit(2, `${LARGE}2`)).toBe("ok");
  expect(await commit(1, `${LARGE}1`)).toBe("done");
  const { steps } = await tutti.get(runId, { outputs: true });
  expect(steps["a"]?.output === `${LARGE}2`).toBe(true);
  // What nobody needs goes by itself.
  const kept = await redis.keys(`${prefix}.val:*`);
  const forever = await Promise.all(kept.map((key) => redis.ttl(key)));
  expect(kept).toHaveLength(2);
  expect(forever.filter((ttl) => ttl === -1)).toHaveLength(1);
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
    const { steps } = await tutti.result(runId, { timeoutMs: 20_000 });
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
    const step = (await tutti.result(each.runId, { timeoutMs: 20_000 })).steps;
    expect(step["e"]).toMatchObject({ state: "failed", error: { code: "payload_too_large" } });
    expect(step["e[1]"]?.state).toBe("completed");
    const output = await tutti.submit(
      workflow([{ id: "a" }], { output: [1, 2, 3].map(() => "${{ steps.a.output }}") }),
    );
    expect(await tutti.result(output.runId, { timeoutMs: 20_000 })).toMatchObject({
      state: "failed",
      error: { code: "payload_too_large" },
    });
  });
});
