import { expect } from "vitest";

import { TARGETS, type Target } from "../../../config/index.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 30_000 };
/** As docs/gate.md has it. */
const ORDER: readonly Target[] = [
  "user_experience",
  "performance",
  "reliability",
  "balanced",
  "efficiency",
  "cost",
];
const document = (target?: Target): object => ({
  tutti: 1,
  id: "wf",
  ...(target === undefined ? {} : { target }),
  steps: [
    { id: "a", tool: "solo" },
    { id: "b", tool: "solo", needs: ["a"] },
  ],
});

interface Wanted {
  readonly name: string;
  readonly document: object;
  readonly priority?: number;
}

test.for<{
  readonly name: string;
  readonly runs: readonly Wanted[];
  readonly order: readonly string[];
}>([
  {
    name: "of equally urgent runs the target decides, whichever began first",
    runs: ORDER.toReversed().map((target) => ({ name: target, document: document(target) })),
    order: ORDER,
  },
  {
    name: "the more urgent run goes first, whatever it aims at",
    runs: [
      { name: "soon", document: document("user_experience"), priority: 5 },
      { name: "urgent", document: document("cost"), priority: 6 },
    ],
    order: ["urgent", "soon"],
  },
  {
    name: "of the same target the one that began first goes first; who does not say is balanced",
    runs: [
      { name: "first", document: document() },
      { name: "second", document: document("balanced") },
      { name: "late", document: document("efficiency") },
      { name: "third", document: document() },
    ],
    order: ["first", "second", "third", "late"],
  },
])("$name", async ({ runs, order }, { limited, redis, prefix }) => {
  const { tutti, work } = limited({ tools: { solo: { limits: { concurrency: 1 } } } });
  const turnstile = new Turnstile();
  const log: string[] = [];
  await work({
    solo: async (_input, { runId, signal }) => {
      if (runId === "held") await turnstile.pass(runId, signal);
      else log.push(runId);
      return null;
    },
  });
  await tutti.submit(
    { tutti: 1, id: "held", steps: [{ id: "a", tool: "solo" }] },
    { runId: "held" },
  );
  await turnstile.holds(1);
  for (const { name, document: one, priority } of runs)
    await tutti.submit(one, { runId: name, ...(priority === undefined ? {} : { priority }) });
  // All of them stand behind the call that is held.
  await eventually(async () => {
    const jobs = await redis.zrange(`${prefix}:solo:prioritized`, "0", "-1");
    expect(new Set(jobs.map((job) => job.split(".")[1]))).toEqual(new Set(order));
  });
  turnstile.open();
  for (const { name } of runs) expect((await tutti.result(name, WAIT)).state).toBe("completed");
  expect(log).toEqual(order.flatMap((name) => [name, name]));
});

test("a run that began long ago goes before one that began just now, whatever they aim at", async ({
  limited,
  redis,
  prefix,
}) => {
  const { tutti } = limited({ tools: { solo: {} } });
  const rankOf = async (runId: string): Promise<number> =>
    Number(await redis.hget(`${prefix}.run:${runId}`, "rank"));
  await tutti.submit(document("efficiency"), { runId: "old" });
  await tutti.submit(document("balanced"), { runId: "next" });
  expect(await rankOf("next")).toBeLessThan(await rankOf("old"));
  // As many runs as one may overtake have begun since.
  await redis.hincrby(`${prefix}.fair`, "c:0", 11);
  await tutti.submit(document("balanced"), { runId: "late" });
  expect(await rankOf("late")).toBeGreaterThan(await rankOf("old"));
  for (const runId of ["old", "next", "late"]) await tutti.cancel(runId);
});

test("a run shows what it aims at, and what works for it has its rank", async ({
  limited,
  redis,
  prefix,
}) => {
  const { tutti } = limited({ tools: { solo: {} } });
  for (const target of TARGETS) {
    await tutti.submit(document(target), { runId: target });
    expect(await tutti.get(target)).toMatchObject({ target });
    expect((await tutti.list()).find(({ runId }) => runId === target)).toMatchObject({ target });
  }
  await tutti.submit(document(), { runId: "plain" });
  expect(await tutti.get("plain")).toMatchObject({ target: "balanced" });
  expect(await redis.hget(`${prefix}.run:plain`, "target")).toBeNull();
});
