import { describe, expect } from "vitest";

import type { JsonObject } from "../../../config/index.ts";
import { forgetRun } from "../../../queues/worker.ts";
import { test as onShared, type Orchestra } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { OwnRedis } from "../../support/servers/own-redis.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** A server that nobody else reads from. */
const test = onShared.extend<{
  server: OwnRedis;
  redisUrl: string;
  bytesOut: () => Promise<number>;
}>({
  // oxlint-disable-next-line no-empty-pattern
  server: async ({}, use) => {
    await using server = await OwnRedis.open();
    await use(server);
  },
  redisUrl: async ({ server }, use) => use(server.url),
  bytesOut: async ({ redis }, use) =>
    use(async () => Number(/total_net_output_bytes:(\d+)/.exec(await redis.info("stats"))![1])),
});
const ITEMS = 300;
/** What an item may cost beside what it reads: its records, its job, its events. */
const BYTES_PER_ITEM = 20_000;
/** Who reads a value: the run's first step, its items together, who waits for the result. */
const READERS = 6;

const rows = (bytes: number) =>
  Array.from({ length: bytes / 100 }, (_, n) => `${n}`.padEnd(97, "x"));

async function moved(
  {
    orchestra: { tutti, work },
    bytesOut,
  }: { orchestra: Orchestra; bytesOut: () => Promise<number> },
  document: object,
  input: JsonObject,
) {
  await work({ probe: ({ rows: list }) => (Array.isArray(list) ? list : 1) });
  const before = await bytesOut();
  const { runId } = await tutti.submit(document, { input });
  const run = await tutti.result(runId, { timeoutMs: 60_000 });
  expect(run.state).toBe("completed");
  return { bytes: (await bytesOut()) - before, run };
}

describe("what the items of a forEach read", () => {
  const indexes = JSON.stringify(Array.from({ length: ITEMS }, (_, n) => n));
  const of = (value: string) => ({ one: `\${{ ${value}[index] }}` });
  const cases: readonly { name: string; bytes: number; steps: object[]; document?: object }[] = [
    {
      name: "the run's input, beside the record",
      bytes: 884_000,
      steps: [{ id: "e", forEach: indexes, with: of("input.rows") }],
    },
    {
      name: "the run's input, in the record",
      bytes: 200_000,
      steps: [{ id: "e", forEach: indexes, with: of("input.rows") }],
    },
    {
      name: "the output of a step",
      bytes: 884_000,
      steps: [
        { id: "a", with: { rows: "${{ input.rows }}" } },
        { id: "e", needs: ["a"], forEach: indexes, with: of("steps.a.output") },
      ],
    },
    {
      name: "both, in two stages of a pipeline",
      bytes: 400_000,
      document: { mode: "pipeline" },
      steps: [
        { id: "a", with: { rows: "${{ input.rows }}" } },
        { id: "e", needs: ["a"], forEach: indexes, with: of("steps.a.output") },
        { id: "f", forEach: "${{ steps.e.output }}", with: of("input.rows") },
      ],
    },
  ];
  test.for(cases)(
    "is read once for all of them: $name",
    { timeout: 60_000 },
    async ({ bytes, steps, document }, { orchestra, bytesOut }) => {
      const found = await moved({ orchestra, bytesOut }, workflow(steps, document), {
        rows: rows(bytes),
      });
      const values = steps.length > 1 ? 2 : 1;
      expect(found.run.steps["e"]?.output).toHaveLength(ITEMS);

      expect(found.bytes).toBeLessThan(
        READERS * values * bytes + steps.length * ITEMS * BYTES_PER_ITEM,
      );
    },
  );

  test("is each item's own to change", async ({ orchestra: { tutti, work } }) => {
    await work({
      probe: ({ list }) => {
        const own = list as number[];
        own.pop();
        return own.length;
      },
    });
    const { runId } = await tutti.submit(
      workflow([
        { id: "e", forEach: "[0, 1, 2, 3]", maxParallel: 1, with: { list: "${{ input.list }}" } },
      ]),
      { input: { list: [1, 2, 3] } },
    );
    const { steps } = await tutti.result(runId, { timeoutMs: 20_000 });
    expect(steps["e"]?.output).toEqual([2, 2, 2, 2]);
  });

  test("is that of the run, also when its id was used before, or its input was replaced", async ({
    orchestra: { tutti, work, parts },
  }) => {
    let fails = false;
    await work({
      probe: ({ value }) => {
        if (fails) throw new Error("no");
        return value ?? null;
      },
    });
    const document = workflow([
      {
        id: "e",
        forEach: "[0, 1]",
        with: { value: "${{ input.value }}" },
        retry: { maxAttempts: 1 },
      },
    ]);
    const outputOf = async () =>
      (await tutti.result("r", { timeoutMs: 20_000 })).steps["e"]?.output;
    await tutti.submit(document, { runId: "r", input: { value: "first" } });
    expect(await outputOf()).toEqual(["first", "first"]);
    await eventually(async () => expect(await forgetRun(parts, "r")).toBe(true));
    fails = true;
    await tutti.submit(document, { runId: "r", input: { value: "second" } });
    expect((await tutti.result("r", { timeoutMs: 20_000 })).state).toBe("failed");
    fails = false;
    await tutti.resume("r", { input: { value: "third" } });
    expect(await outputOf()).toEqual(["third", "third"]);
  });
});
