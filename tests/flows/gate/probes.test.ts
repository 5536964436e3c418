import { expect } from "vitest";

import { parseCatalogue, ToolRegistry } from "../../../config/index.ts";
import { Tutti } from "../../../src/tutti.ts";
import { test } from "../../support/gate/gatehouse.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** A tool that is down after one failure and tried at once, by so many calls. */
const registryWith = (probes: number): ToolRegistry =>
  new ToolRegistry(
    parseCatalogue(
      `tutti: 1
tools:
  - id: tried
    name: Tried
    category: foundation
    capabilities: [testing]
    binding: { type: in_process }
    breaker: { failures: 1, openMs: 1, probes: ${probes} }
`,
      "tried",
    ),
  );

test.for([1, 2, 5])(
  "a breaker with %i probes lets through so many, and the forecast goes by them",
  async (probes, { gatehouse: { work, hold, letGo, gate, seed, because }, redisUrl, prefix }) => {
    const registry = registryWith(probes);
    await using tutti = new Tutti({ redisUrl, prefix, registry });
    await work({ tried: hold }, { registry });
    await seed("tried");
    await gate.report("tried", "m1", { class: "down" });
    const plan = tutti.prepare({ tutti: 1, id: "wf", steps: [{ id: "a", tool: "tried" }] });
    const ids = Array.from({ length: probes + 2 }, (_, n) => `r${n}`);
    for (const runId of ids) await tutti.submit(plan, { runId });
    const running = async (): Promise<string[]> => {
      const runs = await Promise.all(ids.map((runId) => tutti.get(runId)));
      return runs.filter(({ steps }) => steps["a"]?.state === "running").map(({ runId }) => runId);
    };
    const trials = await eventually(async () => {
      const found = await running();
      expect(found).toHaveLength(probes);
      return found;
    });
    const waits = ids.filter((runId) => !trials.includes(runId));
    const { why, reason } = await because("breaker", { runId: waits[0]!, step: "a" });
    expect(reason).toMatchObject({ state: "half_open", probes });
    expect(why.sentence).toContain(`${probes} trial call${probes === 1 ? " " : "s "}`);
    expect(why.holders).toHaveLength(probes);
    // The next starts when one of them ends, not before: none of them is expected to have ended by now.
    const permits = (await tutti.gate.show()).permits.filter(({ runId }) =>
      trials.includes(runId ?? ""),
    );
    const meanMs = (await tutti.gate.show()).tools.find(({ tool }) => tool === "tried")?.service
      ?.meanMs;
    const ends = permits.map(({ since }) => Date.parse(since) + meanMs!).toSorted((a, b) => a - b);
    expect(why.eta.atMs).toBe(ends[0]);
    // So many successes close it.
    letGo(...trials);
    await eventually(async () => {
      const { troubles } = await tutti.gate.show();
      expect(troubles.filter(({ kind }) => kind === "breaker")).toEqual([]);
    });
    letGo(...waits);
    for (const runId of ids) expect((await tutti.result(runId)).state).toBe("completed");
  },
);
