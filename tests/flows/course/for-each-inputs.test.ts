import { describe, expect } from "vitest";

import type { JsonObject } from "../../../config/index.ts";
import { test as onShared, type Orchestra } from "../../support/orchestra.ts";
import { OwnRedis } from "../../support/own-redis.ts";
import { workflow } from "../../support/workflows.ts";

/** A server that nobody else reads from. */
const test = onShared.extend<{
  server: OwnRedis;
  redisUrl: string;
  bytesOut: () => Promise<number>;
}>({
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
});
