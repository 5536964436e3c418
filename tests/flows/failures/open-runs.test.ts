import { describe, expect } from "vitest";

import { givePlaces, sweep } from "../../../processors/index.ts";
import { Presence, Keys } from "../../../queues/index.ts";
import { test, type Orchestra } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { commandsOf, copyOpen } from "../../support/stories/open-runs.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const NOTHING = { admitted: [], enqueued: [], ended: [], released: [], lost: [] };
/** What a pass may cost beside the runs that it looks at. */
const PASS_COMMANDS = 25;
/** What a healthy run may cost. */
const RUN_COMMANDS = 6;

/** Ten runs that are held at work, and one more that waits. */
async function oneWaits({ tutti }: Orchestra, tenant: string): Promise<string> {
  const plan = tutti.prepare(workflow([{ id: "a" }]));
  for (let run = 0; run <= 10; run++)
    await tutti.submit(plan, { runId: `${tenant}-${run}`, tenant });
  return `${tenant}-10`;
}

describe("a pass over many open runs", () => {
  test("costs nothing by those that wait for their turn", async ({ orchestra, redis, prefix }) => {
    const { parts } = orchestra;
    const waits = await oneWaits(orchestra, "t");
    const cost = () =>
      commandsOf(redis, async () => expect(await sweep(parts, 0)).toEqual(NOTHING));
    await copyOpen(redis, prefix, waits, { count: 2_000, name: "w" });
    await cost();
    await copyOpen(redis, prefix, waits, { count: 4_000, name: "x" });
    // Twice, as the pages of all open runs are not of one size.
    for (let pass = 0; pass < 2; pass++)
      expect(await cost()).toBeLessThanOrEqual(PASS_COMMANDS + 10 * RUN_COMMANDS);
    const presence = new Presence(redis, new Keys(prefix));
    // No worker is there: each of the ten gives its place, and the jobs of another are added.
    expect(await commandsOf(redis, () => givePlaces(parts, presence))).toBeLessThan(200);
  });

  test("costs few commands by each that is looked at, and goes on where it stopped", async ({
    orchestra,
    redis,
    prefix,
  }) => {
    const { tutti, work, parts } = orchestra;
    const worker = await work();
    const { runId } = await tutti.submit(workflow([{ id: "ask", approval: "?" }]));
    await eventually(async () => expect((await tutti.get(runId)).state).toBe("parked"));
    await worker.close();
    const cost = () =>
      commandsOf(redis, async () => expect(await sweep(parts, 0)).toEqual(NOTHING));
    await cost();
    const one = await cost();
    await copyOpen(redis, prefix, runId, { count: 300, name: "p", job: "wf.RUN.0.ask" });
    expect(await cost()).toBeLessThanOrEqual(one + 300 * RUN_COMMANDS + 2);
    // Each of them was looked at in its turn, and stands behind those that come next.
    const before = await parts.runs.now();
    expect(await redis.zcard(`${prefix}.tended`)).toBe(301);
    const [first] = await parts.runs.tending.take(before, 1);
    const [second] = await parts.runs.tending.take(before, 1);
    expect(second).not.toBe(first);
  });

  test("finds runs that no index has", async ({ orchestra, redis, prefix }) => {
    const { tutti, work, parts } = orchestra;
    const waits = await oneWaits(orchestra, "t");
    const { runId } = await tutti.submit(workflow([{ id: "ask", approval: "?" }]));
    await redis.del(`${prefix}.tended`, `${prefix}.lines`, `${prefix}.waiting:t`);
    expect((await sweep({ ...parts, maxRunning: 11 }, 0)).admitted).toEqual([waits]);
    expect(await redis.zrange(`${prefix}.tended`, "0", "-1")).toContain(runId);
    await work({ probe: () => 1 });
    expect((await tutti.result(waits, { timeoutMs: 20_000 })).state).toBe("completed");
    await tutti.cancel(runId);
  });
});
