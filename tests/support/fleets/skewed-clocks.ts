import { Redis } from "ioredis";
import { expect } from "vitest";

import { Tutti } from "../../../src/tutti.ts";
import { SOON } from "../drawn/workflows.ts";
import { OwnRedis } from "../servers/own-redis.ts";
import { eventually } from "../waiting/eventually.ts";
import { Fleet } from "./fleet.ts";

/** A busy machine starts its workers slowly. */
const WAIT = { timeoutMs: 90_000 };
/** Commands of an idle worker in a second: what is due is looked for twice, permits, samples, the queues. */
const IDLE_COMMANDS = 600;

const document = {
  tutti: 1,
  id: "wf",
  steps: [
    { id: "timer", waitMs: 300 },
    { id: "late", approval: "Go?", timeoutMs: 400, optional: true },
    {
      id: "flaky",
      tool: "core.echo",
      retry: { maxAttempts: 3, ...SOON, baseDelayMs: 200 },
      with: {},
    },
    { id: "end", tool: "core.echo", needs: ["timer", "flaky"], with: {} },
  ],
};

/** Workers whose clocks are so many milliseconds ahead wait as long as they should, and ask no more often. */
export async function expectRightWaits(skews: readonly number[]): Promise<void> {
  // Its commands are counted: nobody else may be there.
  await using server = await OwnRedis.open();
  const redisUrl = server.url;
  const prefix = "{tutti}";
  const redis = new Redis(redisUrl);
  await using tutti = new Tutti({ redisUrl, prefix });
  await tutti.workflows.add(document);
  const [first, second = null] = skews;
  const open = (skew: number | null) =>
    skew === null
      ? null
      : new Fleet(1, "tests/support/fleets/programs/clock-program.mjs", [
          redisUrl,
          prefix,
          String(skew),
        ]);
  await using one = open(first!);
  await using two = open(second);
  expect([one !== null, two !== null]).toEqual([true, skews.length > 1]);
  await eventually(async () => expect(await tutti.workers()).toHaveLength(skews.length));
  // More runs than one worker would take by itself.
  const runs = await Promise.all(Array.from({ length: 6 }, () => tutti.start("wf")));
  for (const { runId } of runs) {
    const run = await tutti.result(runId, WAIT);
    expect(run.state).toBe("completed");
    const { timer, late } = run.steps;
    expect(timer?.output).toMatchObject({
      waitedMs: expect.toSatisfy((ms: number) => ms >= 300),
    });
    expect(late?.error?.code).toBe("wait_timed_out");
  }
  // By interval and by event, too.
  await tutti.schedules.add({ id: "s", workflowId: "wf", everyMs: 500 });
  await tutti.triggers.add({ id: "t", event: "came", workflowId: "wf", debounceMs: 200 });
  await tutti.events.emit("came");
  await eventually(async () => {
    expect((await tutti.schedules.show("s")).counts.started).toBeGreaterThan(1);
    expect((await tutti.triggers.list())[0]?.counts.started).toBe(1);
  });
  await tutti.schedules.remove("s");
  // Something is due in ten years: nobody asks for it all the time.
  await tutti.submit({ tutti: 1, id: "far", steps: [{ id: "ok", approval: "Go?" }] });
  const count = async () => {
    const [, commands = "0"] = /total_commands_processed:(\d+)/.exec(await redis.info("stats"))!;
    return Number(commands);
  };
  const seconds = async () => Number((await redis.time())[0]);
  const [before, from] = [await count(), await seconds()];
  await eventually(async () => expect(await seconds()).toBeGreaterThanOrEqual(from + 3));
  const each = (await count()) - before;
  // This test asks for the time a hundred times a second itself.
  expect(each / 3).toBeLessThan(IDLE_COMMANDS * skews.length + 150);
  expect((await tutti.duties()).filter(({ error }) => error !== null)).toEqual([]);
  redis.disconnect();
}
