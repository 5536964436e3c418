import { Redis } from "ioredis";
import { expect } from "vitest";

import { removeExpired, sweep } from "../../../processors/index.ts";
import { Flows, Runs, Waits } from "../../../queues/client.ts";
import { Creations, FlowTemplates, Gate, Keys, Ledger, ToolQueues } from "../../../queues/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { startWorker } from "../../../src/worker.ts";
import { treeOf } from "../../../src/workflow/plan/tree.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/runner/redis.ts";
import { OwnRedis } from "../../support/servers/own-redis.ts";
import { commandsOf, copyEnded, copyOpen } from "../../support/stories/open-runs.ts";
import { eventually } from "../../support/waiting/eventually.ts";

const PREFIX = "{scale}";
/** What the duties work with, on a server of its own. */
function partsOn(redis: Redis) {
  const keys = new Keys(PREFIX);
  const queues = new ToolQueues(redis, PREFIX);
  const flows = new Flows(redis, queues, PREFIX);
  const parts = {
    runs: new Runs(redis, keys),
    flows,
    creations: new Creations(redis, keys, new FlowTemplates(flows, treeOf)),
    waits: new Waits(redis, keys),
    gate: new Gate(redis, keys),
    ledger: new Ledger(redis, keys),
    treeOf,
    maxRunning: 10,
  };
  return { parts, queues };
}

/** The longest command since the log was emptied; on a busy machine also time in which Redis did not run. */
async function longest(redis: Redis): Promise<string> {
  const entries = (await redis.slowlog("GET", 128)) as [number, number, number, string[]][];
  const [worst] = entries.toSorted((a, b) => b[2] - a[2]);
  return worst === undefined ? "< 2 ms" : `${worst[2] / 1_000} ms ${worst[3][0]}`;
}

test(
  "a pass of the sweeper costs the same beside a thousand and a million open runs, and retention keeps up",
  { timeout: 1_200_000 },
  async () => {
    await using server = await OwnRedis.open();
    const redis = new Redis(server.url, { maxRetriesPerRequest: null });
    await redis.config("SET", "slowlog-log-slower-than", "2000");
    const tutti = new Tutti({ redisUrl: server.url, prefix: PREFIX });
    const worker = await startWorker({ redisUrl: server.url, prefix: PREFIX, learning: false });
    const { parts, queues } = partsOn(redis);
    const parked = await tutti.submit(workflow([{ id: "ask", approval: "?" }]), {
      runId: "parked",
    });
    await eventually(async () => expect((await tutti.get(parked.runId)).state).toBe("parked"));
    const steps = [
      { id: "a", tool: "core.echo" },
      { id: "b", tool: "core.echo", needs: ["a"] },
    ];
    const ended = await tutti.submit(workflow(steps), { runId: "ended" });
    expect((await tutti.result(ended.runId, { timeoutMs: 60_000 })).state).toBe("completed");
    await worker.close();
    const plan = tutti.prepare(workflow([{ id: "a", tool: "core.echo" }]));
    for (let run = 0; run <= 10; run++) await tutti.submit(plan, { runId: `t-${run}` });
    await sweep(parts, 0);
    const rows: object[] = [];
    let open = 0;
    for (const goal of [1_000, 100_000, 1_000_000]) {
      await copyOpen(redis, PREFIX, "t-10", { count: goal - open, name: `w${goal}-` });
      open = goal;
      for (const quiet of [true, false]) {
        if (!quiet && goal === 1_000)
          await copyOpen(redis, PREFIX, parked.runId, {
            count: 1_000,
            name: `p${goal}-`,
            job: "wf.RUN.0.ask",
          });
        await redis.slowlog("RESET");
        const since = performance.now();
        const commands = await commandsOf(redis, () => sweep(parts, 0));
        const ms = Math.round(performance.now() - since);
        const parkedRuns = quiet && goal === 1_000 ? 1 : 1_001;
        rows.push({
          open: goal,
          parked: parkedRuns,
          ms,
          commands,
          longest: await longest(redis),
        });
        // By what is parked or at work, and nothing by what waits.
        expect(commands).toBeLessThan(6 * parkedRuns + 100);
      }
    }
    // oxlint-disable-next-line no-console
    console.table(rows);
    await copyEnded(redis, PREFIX, ended.runId, { count: 20_000, name: "e" });
    await redis.slowlog("RESET");
    const since = performance.now();
    let removed = 0;
    const commands = await commandsOf(redis, async () => {
      ({ removed } = await removeExpired(parts, { runs: 1_000, ms: 1e12, failedMs: 1e12 }));
    });
    const seconds = (performance.now() - since) / 1_000;
    // oxlint-disable-next-line no-console
    console.table([
      {
        removed,
        perMinute: Math.round((removed / seconds) * 60),
        commandsPerRun: Math.round((commands / removed) * 10) / 10,
        longest: await longest(redis),
      },
    ]);
    expect(commands).toBeLessThan(removed * 6);
    await tutti.close();
    await queues.close();
    redis.disconnect();
  },
);
