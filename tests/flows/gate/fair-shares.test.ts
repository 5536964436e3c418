import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { SOON } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";

/** Calls of another tenant that go before one that waits, as docs/gate.md says; those that were let through do not count. */
const BOUND = 2;
const SLOTS = 2;
const RUNS = 6;
const ITEMS = 40;
const list = `\${{ [${Array.from({ length: ITEMS }, (_, item) => item).join(",")}] }}`;
const each = { id: "each", tool: "shared", forEach: list };

const document = (steps: readonly object[], more: object = {}): object => ({
  tutti: 1,
  id: "flood",
  steps,
  ...more,
});

/** What a tenant can flood a tool with. */
interface Flood {
  readonly workflow: object;
  /** Fails the first attempt of each call. */
  readonly fails?: boolean;
  /** Each run fails at its first call, and is resumed then. */
  readonly resumed?: boolean;
  readonly tools?: Readonly<Record<string, object>>;
  readonly sub?: object;
}

const FLOODS: Readonly<Record<string, Flood>> = {
  "items of a list that is known": { workflow: document([each]) },
  "items that only the run knows": {
    workflow: document([
      { id: "list", tool: "list" },
      { ...each, forEach: "${{ steps.list.output }}" },
    ]),
  },
  "all items at once": { workflow: document([{ ...each, maxParallel: ITEMS }]) },
  "stages of a pipeline": {
    workflow: document(
      [each, { id: "more", tool: "shared", forEach: "${{ steps.each.output }}" }],
      {
        mode: "pipeline",
      },
    ),
  },
  "items of runs that work for other runs": {
    sub: document([each], { id: "inner" }),
    workflow: document([
      { id: "first", workflow: "inner" },
      { id: "second", workflow: "inner" },
    ]),
  },
  "attempts that are made again": {
    fails: true,
    workflow: document([{ ...each, retry: { maxAttempts: 3, ...SOON } }]),
  },
  "items of runs that were resumed": {
    resumed: true,
    workflow: document([
      { id: "door", tool: "door" },
      { ...each, needs: ["door"] },
    ]),
  },
  "plain steps": {
    workflow: document(Array.from({ length: ITEMS }, (_, n) => ({ id: `s${n}`, tool: "shared" }))),
  },
  "calls with a limit for each tenant on top": {
    workflow: document([each]),
    tools: {
      shared: { limits: { concurrency: SLOTS, perKey: { by: "tenant", concurrency: SLOTS } } },
    },
  },
  "calls of another tool that shares the budget": {
    workflow: document([{ ...each, tool: "other" }]),
    tools: { shared: { budgets: { seats: 1 } }, other: { budgets: { seats: 1 } } },
  },
  "calls of another tool that fill the machine": {
    workflow: document([{ ...each, tool: "other" }]),
    tools: { shared: { resources: { cpu: 0.5 } }, other: { resources: { cpu: 0.5 } } },
  },
};

/** Calls that go on one by one, when the test says so. */
class Steps {
  readonly came: string[] = [];
  readonly #held: (() => void)[] = [];
  #open = false;

  async pass(who: string, signal: AbortSignal): Promise<void> {
    this.came.push(who);
    if (this.#open) return;
    await new Promise<void>((resolve, reject) => {
      this.#held.push(resolve);
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  }

  /** Lets the oldest go on, and waits until another has come. */
  async step(): Promise<void> {
    const before = this.came.length;
    this.#held.shift()?.();
    await this.holds(before + 1);
  }

  async holds(count: number): Promise<void> {
    await eventually(() => {
      if (this.came.length < count) throw new Error(`${this.came.length} calls, not ${count}`);
    });
  }

  open(): void {
    this.#open = true;
    for (const resolve of this.#held.splice(0)) resolve();
  }
}

describe("a call of tenant B goes after at most two of A, which floods its tool with", () => {
  test.for(Object.entries(FLOODS))(
    "%s",
    { timeout: 60_000 },
    async ([, flood], { limited, redis, prefix }) => {
      const { tutti, work } = limited({
        budgets: { seats: { slots: SLOTS } },
        tools: {
          shared: { limits: { concurrency: SLOTS } },
          other: {},
          list: {},
          door: {},
          ...flood.tools,
        },
      });
      if (flood.sub !== undefined) await tutti.workflows.add(flood.sub);
      const steps = new Steps();
      const tried = new Set<string>();
      let isShut = flood.resumed === true;
      const shared: ToolHandler = async (input, { runId, stepId, signal }) => {
        await steps.pass(runId.slice(0, 1), signal);
        const call = `${runId} ${stepId} ${JSON.stringify(input)}`;
        if (flood.fails !== true || runId.startsWith("b") || tried.has(call)) return null;
        tried.add(call);
        throw new TuttiError("step_execution_failed", "not yet");
      };
      await work({
        shared,
        other: shared,
        list: () => Array.from({ length: ITEMS }, (_, item) => item),
        door: () => {
          if (isShut) throw new TuttiError("request_invalid", "shut");
          return null;
        },
      });
      const plan = tutti.prepare(flood.workflow);
      const runs = Array.from({ length: RUNS }, (_, run) => `a${run}`);
      for (const runId of runs) await tutti.submit(plan, { runId, tenant: "a", priority: 10 });
      if (flood.resumed === true) {
        for (const runId of runs)
          expect((await tutti.result(runId, { timeoutMs: 30_000 })).state).toBe("failed");
        isShut = false;
        for (const runId of runs) await tutti.resume(runId);
      }
      /** The jobs that wait for a tool, in whichever queue of it. */
      const waiting = async (): Promise<readonly string[]> => {
        const queues = await redis.keys(`${prefix}:*:prioritized`);
        return (await Promise.all(queues.map((queue) => redis.zrange(queue, "0", "-1")))).flat();
      };
      await steps.holds(SLOTS);
      await eventually(async () => expect((await waiting()).length).toBeGreaterThan(4 * BOUND));

      const one = tutti.prepare(document([{ id: "only", tool: "shared" }], { id: "one" }));
      for (const runId of ["b0", "b1", "b2"]) {
        await tutti.submit(one, { runId, tenant: "b", priority: 1 });
        await eventually(async () =>
          expect((await waiting()).filter((job) => job.includes(`.${runId}.`))).toHaveLength(1),
        );
        const before = steps.came.length;
        while (steps.came.at(-1) !== "b") {
          expect(steps.came.slice(before)).not.toHaveLength(BOUND + 1);
          await steps.step();
        }
        // The next one comes while A has all slots again.
        await steps.step();
      }
      steps.open();
      for (const runId of ["b0", "b1", "b2"])
        expect((await tutti.result(runId, { timeoutMs: 30_000 })).state).toBe("completed");
    },
  );
});
