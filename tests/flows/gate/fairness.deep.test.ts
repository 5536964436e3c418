import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

import { expect } from "vitest";

import { parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import { Tutti, type SubmitOptions } from "../../../src/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { randomFrom } from "../../support/drawn/random.ts";

const MACHINES = 2;
const SEED = 20_261_121;
/** Load as a share of both machines: the classes together ask for one and a half of what there is. */
const INTERACTIVE_LOAD = 0.15;
const BATCH_LOAD = 1.35;
const ISOLATED_MS = 30_000;
const FLOOD_MS = 60_000;
const BOUND_MS = 5_000;
/** How long a call of each tool takes, and its share of a machine's cpu. */
const TOOLS = {
  // Both classes wait for this one, in the same queue; the others compete for the machines only.
  "both.look": { ms: 500, cpu: 0.1 },
  "ui.show": { ms: 200, cpu: 0.1 },
  "batch.merge": { ms: 500, cpu: 0.1 },
} as const;
const PARTS = 6;

const CATALOGUE = [
  "tutti: 1",
  "tools:",
  ...Object.entries(TOOLS).map(
    ([id, { cpu }]) =>
      `  - { id: ${id}, name: ${id}, category: foundation, capabilities: [testing], idempotent: true, resources: { cpu: ${cpu} }, binding: { type: in_process } }`,
  ),
].join("\n");

const INTERACTIVE = {
  tutti: 1,
  id: "interactive",
  steps: [
    { id: "a", tool: "both.look" },
    { id: "b", tool: "ui.show", needs: ["a"] },
  ],
};
const parts = Array.from({ length: PARTS }, (_, index) => `p${index}`);
const BATCH = {
  tutti: 1,
  id: "batch",
  steps: [
    ...parts.map((id) => ({ id, tool: "both.look" })),
    { id: "merge", tool: "batch.merge", needs: parts },
  ],
};

/** Runs a second that load the machines so much. */
function rateFor(load: number, tools: readonly (keyof typeof TOOLS)[]): number {
  const perRun = tools.reduce((sum, id) => sum + (TOOLS[id].cpu * TOOLS[id].ms) / 1_000, 0);
  return (load * MACHINES) / perRun;
}

const p99 = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * 0.99)]!;

/** What tells the interactive runs from the flood: tenants share, and within one the more urgent goes first. */
const APART: readonly SubmitOptions[] = [{ tenant: "people" }, { priority: 8 }];

test.for(APART)(
  "a batch flood of one and a half times what there is leaves runs with %o quick",
  async (apart, { orchestra: { redisUrl, prefix, work } }) => {
    const registry = new ToolRegistry(parseCatalogue(CATALOGUE, "test tools"));
    const handlers = Object.fromEntries(
      Object.entries(TOOLS).map(([id, { ms }]) => [id, () => pause(ms, null)]),
    );
    const maxRunning = 100_000;
    for (let machine = 1; machine <= MACHINES; machine++)
      await work(handlers, {
        registry,
        machine: `m${machine}`,
        tools: Object.keys(TOOLS),
        maxRunning,
      });
    const tutti = new Tutti({ redisUrl, prefix, registry, maxRunning });
    const [interactive, batch] = [tutti.prepare(INTERACTIVE), tutti.prepare(BATCH)];
    const random = randomFrom(SEED);

    /** Arrivals come at random, so many a second. */
    const stream = async (perSecond: number, forMs: number, arrive: () => Promise<void>) => {
      const arrivals: Promise<void>[] = [];
      let next = performance.now();
      for (
        const end = next + forMs;
        next < end;
        next -= (Math.log(1 - random()) / perSecond) * 1_000
      ) {
        await pause(Math.max(0, next - performance.now()));
        arrivals.push(arrive());
      }
      await Promise.all(arrivals);
    };
    const interactiveFor = async (forMs: number): Promise<readonly number[]> => {
      const latencies: number[] = [];
      await stream(rateFor(INTERACTIVE_LOAD, ["both.look", "ui.show"]), forMs, async () => {
        const since = performance.now();
        const { runId } = await tutti.submit(interactive, apart);
        await tutti.result(runId, { timeoutMs: 240_000 });
        latencies.push(performance.now() - since);
      });
      return latencies;
    };

    const isolated = await interactiveFor(ISOLATED_MS);
    const batchTools = [...parts.map(() => "both.look" as const), "batch.merge" as const];
    let flooded = 0;
    const look = tutti.queues.find(({ name }) => name === "both.look")!;
    const batchFor = async (forMs: number): Promise<number> => {
      await stream(rateFor(BATCH_LOAD, batchTools), forMs, async () => {
        await tutti.submit(batch);
        flooded++;
      });
      return look.getJobCountByTypes("waiting", "prioritized");
    };
    const [during, waiting] = await Promise.all([interactiveFor(FLOOD_MS), batchFor(FLOOD_MS)]);
    await tutti.close();
    const report = {
      isolatedRuns: isolated.length,
      isolatedP99Ms: Math.round(p99(isolated)),
      duringRuns: during.length,
      duringP99Ms: Math.round(p99(during)),
      flooded,
      waitingAtTheEnd: waiting,
      load: loadavg()[0],
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
    // It was a flood: more came than could be served.
    expect(waiting).toBeGreaterThan(100);
    expect(p99(during)).toBeLessThanOrEqual(BOUND_MS + 1.5 * p99(isolated));
  },
);
