import { Queue } from "bullmq";
import type { Redis } from "ioredis";
import { describe, expect } from "vitest";

import { TuttiError } from "../../../config/index.ts";
import type { ToolHandler } from "../../../processors/index.ts";
import { forgetRun } from "../../../queues/worker.ts";
import { NEVER, SOON, workflow } from "../../support/drawn/workflows.ts";
import { test } from "../../support/gate/limited.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 20_000 };
const ONCE = { retry: { ...SOON, maxAttempts: 1 } };
const TOOLS = {
  main: {
    alternatives: ["other", "third"],
    effect: "read",
    breaker: { failures: 1, openMs: 600_000 },
  },
  other: {},
  third: {},
};

/** Tools that do what the test says of each, and note their calls. */
function players(behaviour: Readonly<Record<string, ToolHandler>>) {
  const calls: string[] = [];
  const one =
    (tool: string): ToolHandler =>
    async (input, context) => {
      calls.push(tool);
      const act = behaviour[tool];
      return act === undefined ? { from: tool, input } : act(input, context);
    };
  return { calls, handlers: Object.fromEntries(Object.keys(TOOLS).map((id) => [id, one(id)])) };
}

const fails: ToolHandler = () => {
  throw new TuttiError("step_execution_failed", "not today");
};
const isAway: ToolHandler = () => {
  throw new TuttiError("tool_unavailable", "nobody there");
};
const isWrong: ToolHandler = () => {
  throw new TuttiError("tool_denied", "no");
};

describe("a step with a fallback", () => {
  test("is answered by the first alternative that answers, after its own attempts", async ({
    limited,
  }) => {
    const { tutti, work, gate } = limited({ tools: TOOLS });
    const { calls, handlers } = players({ main: fails, other: fails });
    await work(handlers);
    const retry = { ...SOON, maxAttempts: 2 };
    const steps = [
      { id: "a", tool: "main", fallback: true, retry, with: { q: 1 } },
      { id: "b", tool: "third", with: { got: "${{ steps.a.output.from }}" } },
    ];
    const { runId } = await tutti.submit(workflow(steps, { onError: "recovery" }), {});
    const run = await tutti.result(runId, WAIT);
    expect(run.steps["a"]).toMatchObject({
      state: "completed",
      via: "third",
      attempts: 5,
      output: { from: "third", input: { q: 1 } },
    });
    expect(run.steps["b"]).toMatchObject({ output: { input: { got: "third" } } });
    expect(run.state).toBe("completed");
    expect(calls).toEqual(["main", "main", "other", "other", "third", "third"]);
    // Nothing of it stays: no permit, no job that waits.
    await eventually(async () => expect((await gate.show()).permits).toEqual([]));
  });

  test("fails when nobody answers, and only then is its policy asked", async ({ limited }) => {
    const { tutti, work } = limited({ tools: { ...TOOLS, undo: {}, first: {} } });
    const { calls, handlers } = players({ main: fails, other: fails, third: isWrong });
    let undone = 0;
    await work({ ...handlers, first: () => null, undo: () => ++undone });
    const before = { id: "done", tool: "first", compensate: { tool: "undo" } };
    const step = { id: "a", tool: "main", needs: ["done"], fallback: true, ...ONCE };
    const { runId } = await tutti.submit(workflow([before, step], { onError: "recovery" }), {});
    const { state, steps } = await tutti.result(runId, WAIT);
    expect(state).toBe("failed");
    expect(steps["a"]).toMatchObject({
      state: "failed",
      attempts: 3,
      error: { code: "tool_denied" },
    });
    expect(calls).toEqual(["main", "other", "third"]);
    expect(undone).toBe(1);
  });

  test("calls the tool that it names, with the input that it gives", async ({ limited }) => {
    const { tutti, work } = limited({ tools: TOOLS });
    const { calls, handlers } = players({ main: fails });
    await work(handlers);
    const fallback = {
      tool: "third",
      with: { for: "${{ item }}", of: "${{ steps.b.output.from }}" },
    };
    const steps = [
      { id: "b", tool: "other" },
      { id: "a", tool: "main", fallback, forEach: "${{ [7, 8] }}", maxParallel: 1, ...ONCE },
    ];
    const { runId } = await tutti.submit(workflow(steps), {});
    const run = await tutti.result(runId, WAIT);
    expect(run.steps["a[1]"]).toMatchObject({
      via: "third",
      output: { input: { for: 8, of: "other" } },
    });
    expect(run.steps["a"]?.state).toBe("completed");
    expect(calls).toEqual(["other", "main", "third", "main", "third"]);
  });

  test("does not fall back from an input that is wrong", async ({ limited }) => {
    const { tutti, work } = limited({ tools: TOOLS });
    const { calls, handlers } = players({ main: isWrong });
    await work(handlers);
    const { runId } = await tutti.submit(
      workflow([{ id: "a", tool: "main", fallback: true, ...ONCE }]),
      {},
    );
    expect((await tutti.result(runId, WAIT)).steps["a"]).toMatchObject({
      state: "failed",
      error: { code: "tool_denied" },
    });
    expect(calls).toEqual(["main"]);
  });

  test("does not wait for a breaker that is open", async ({ limited }) => {
    const { tutti, work, gate } = limited({ tools: TOOLS });
    const { calls, handlers } = players({ main: isAway });
    await work(handlers);
    const first = await tutti.submit(workflow([{ id: "x", tool: "main", ...ONCE }]), {});
    await tutti.result(first.runId, WAIT);
    await eventually(async () =>
      expect([...(await gate.show()).breakers.keys()]).toContain("main"),
    );
    // It waits, and what has another way does not wait behind it.
    const waits = await tutti.submit(workflow([{ id: "x", tool: "main" }]), { runId: "waits" });
    const { runId } = await tutti.submit(
      workflow([{ id: "a", tool: "main", fallback: true, retry: NEVER }]),
      {},
    );
    expect((await tutti.result(runId, WAIT)).steps["a"]).toMatchObject({
      state: "completed",
      via: "other",
      attempts: 1,
    });
    expect((await tutti.get(waits.runId)).steps["x"]?.state).toBe("pending");
    expect(calls).toEqual(["main", "other"]);
    await tutti.cancel(waits.runId);
  });

  test("does not wait until a service may be called again that asked for a pause", async ({
    limited,
  }) => {
    const { tutti, work } = limited({ tools: TOOLS });
    const { calls, handlers } = players({
      main: () => {
        const details = { retryAfterMs: 600_000 };
        throw new TuttiError("tool_unavailable", "busy", { details });
      },
    });
    await work(handlers);
    const { runId } = await tutti.submit(workflow([{ id: "a", tool: "main", fallback: true }]), {});
    expect((await tutti.result(runId, WAIT)).steps["a"]).toMatchObject({ via: "other" });
    expect(calls).toEqual(["main", "other"]);
  });

  test("gives its place among the calls of an adaptive run to its alternative, and back", async ({
    limited,
  }) => {
    const { tutti, work } = limited({ tools: TOOLS });
    const { calls, handlers } = players({ main: fails });
    await work(handlers);
    const steps = Array.from({ length: 20 }, (_, index) => ({
      id: `a${index}`,
      tool: "main",
      fallback: true,
      ...ONCE,
    }));
    const { runId } = await tutti.submit(workflow(steps, { mode: "adaptive" }), {});
    const run = await tutti.result(runId, WAIT);
    expect(run.state).toBe("completed");
    expect(new Set(Object.values(run.steps).map(({ via }) => via))).toEqual(new Set(["other"]));
    expect(calls).toHaveLength(40);
  });

  test("leaves nothing when its run is forgotten", async ({
    limited,
    orchestra,
    redis,
    prefix,
  }) => {
    const { tutti, work, gate } = limited({ tools: TOOLS });
    const { handlers } = players({ main: fails, other: fails });
    await work(handlers);
    const each = { id: "b", tool: "main", fallback: true, forEach: "${{ [1] }}", ...ONCE };
    const { runId } = await tutti.submit(
      workflow([{ id: "a", tool: "main", fallback: true, ...ONCE }, each]),
      {},
    );
    expect((await tutti.result(runId, WAIT)).state).toBe("completed");
    await eventually(async () => {
      expect(await forgetRun(orchestra.parts, runId)).toBe(true);
      expect((await redis.keys(`${prefix}*`)).filter((key) => key.includes(runId))).toEqual([]);
    });
    expect((await gate.show()).permits).toEqual([]);
    expect(await redis.zcard(`${prefix}.gate.free`)).toBe(0);
  });

  test("waits for the limits of the alternative, and is stopped and held as any step", async ({
    limited,
  }) => {
    const { tutti, work } = limited({
      tools: { ...TOOLS, other: { limits: { concurrency: 1 } } },
    });
    const turnstile = new Turnstile();
    const { calls, handlers } = players({
      main: fails,
      other: async (_input, { runId, signal }) => turnstile.pass(runId, signal).then(() => null),
    });
    await work(handlers);
    const step = { id: "a", tool: "main", fallback: { tool: "other" }, ...ONCE };
    const busy = await tutti.submit(workflow([step]), { runId: "busy" });
    await turnstile.holds(1);
    const stopped = await tutti.submit(workflow([step]), { runId: "stopped" });
    const held = await tutti.submit(workflow([step]), { runId: "held" });
    await eventually(() => expect(calls.filter((call) => call === "main")).toHaveLength(3));
    for (const { runId } of [stopped, held])
      await eventually(async () =>
        expect((await tutti.get(runId)).steps["a"]?.state).toBe("retrying"),
      );
    expect(await tutti.cancel(stopped.runId)).toMatchObject({ state: "cancelled" });
    await tutti.pause(held.runId);
    turnstile.open();
    expect((await tutti.result(busy.runId, WAIT)).state).toBe("completed");
    expect(turnstile.came).toEqual(["busy"]);
    await tutti.resume(held.runId);
    expect((await tutti.result(held.runId, WAIT)).steps["a"]).toMatchObject({ via: "other" });
    expect(turnstile.came).toEqual(["busy", "held"]);
  });
});

describe("a worker that died", () => {
  /** What it left behind: the job says that its call was handed on, the record that it was running. */
  const left = async (
    { redis, prefix }: { redis: Redis; prefix: string },
    { runId }: { runId: string },
    letter: "R" | "B",
  ) => {
    const key = `${prefix}:once:wf.${runId}.0.a`;
    const data = JSON.parse((await redis.hget(key, "data"))!) as object;
    const error = { code: "tool_failed", message: "m" };
    const handed = { n: 1, attempts: 1, error };
    await redis.hset(key, { data: JSON.stringify({ ...data, handed }) });
    const detail = letter === "R" ? "" : JSON.stringify(error);
    await redis.hset(`${prefix}.run:${runId}`, "s:a", `${letter}1,1,,1|${detail}`);
  };

  test.for(["R", "B"] as const)(
    "between the failure and its alternative loses neither, and calls nothing twice (%s)",
    async (letter, { limited, redis, prefix }) => {
      const { tutti, work } = limited({
        tools: { ...TOOLS, once: { idempotent: false, alternatives: ["other"] } },
      });
      const { calls, handlers } = players({});
      const { runId } = await tutti.submit(
        workflow([
          { id: "a", tool: "once", fallback: true },
          { id: "b", tool: "third", needs: ["a"] },
        ]),
        {},
      );
      await left({ redis, prefix }, { runId }, letter);
      await work({ ...handlers, once: () => Promise.resolve(calls.push("once")) });
      const { state, steps } = await tutti.result(runId, WAIT);
      expect(state).toBe("completed");
      expect(steps["a"]).toMatchObject({ via: "other", attempts: 2 });
      expect(calls).toEqual(["other", "third"]);
    },
  );

  test("while it called an alternative that must not be called twice leaves the step failed", async ({
    limited,
    redis,
    prefix,
  }) => {
    const { tutti, work } = limited({
      tools: {
        ...TOOLS,
        once: { alternatives: ["effect"] },
        effect: { idempotent: false },
      },
    });
    const { calls, handlers } = players({});
    const { runId } = await tutti.submit(workflow([{ id: "a", tool: "once", fallback: true }]), {});
    await left({ redis, prefix }, { runId }, "B");
    // The alternative has begun: its starts come after all starts of the step's own job.
    await redis.hset(`${prefix}.run:${runId}`, "s:a", "R1000000,1,,2|");
    await work({ ...handlers, once: fails, effect: () => Promise.resolve(calls.push("effect")) });
    expect((await tutti.result(runId, WAIT)).steps["a"]).toMatchObject({
      state: "failed",
      error: { code: "effect_unknown" },
    });
    expect(calls).toEqual([]);
  });

  test("is not needed to lose the job of an alternative: it is added again", async ({
    limited,
    redis,
    prefix,
  }) => {
    const { tutti, work } = limited({ tools: TOOLS });
    const { handlers } = players({ main: fails });
    await work(handlers, { tools: ["main"] });
    const { runId } = await tutti.submit(
      workflow([{ id: "a", tool: "main", fallback: { tool: "other" }, ...ONCE }]),
      {},
    );
    const queue = new Queue("other", { connection: redis, prefix });
    await eventually(async () => {
      expect(await redis.zcard(`${prefix}:main:waiting-children`)).toBe(1);
      expect(await queue.remove(`wf.${runId}.0.a.alt1`)).toBe(1);
    });
    await queue.close();
    // It is entered again, and adds what is missing.
    await work(handlers, { tools: ["other"] });
    expect((await tutti.result(runId, WAIT)).steps["a"]).toMatchObject({ via: "other" });
  });
});

describe("a kept result", () => {
  const CACHED = { id: "a", tool: "main", cache: { ttlMs: 1, staleMs: 600_000 }, ...ONCE };

  test("stands for a call that failed, marked with its age, after the alternatives", async ({
    limited,
  }) => {
    const { tutti, work } = limited({ tools: TOOLS });
    let well = true;
    const { calls, handlers } = players({
      main: (input, context) => (well ? "fresh" : fails(input, context)),
      other: fails,
      third: fails,
    });
    await work(handlers);
    const run = async (more: object) => {
      const { runId } = await tutti.submit(workflow([{ ...CACHED, ...more }]), {});
      return (await tutti.result(runId, WAIT)).steps["a"];
    };
    expect(await run({ fallback: true })).toMatchObject({ output: "fresh", attempts: 1 });
    well = false;
    const stale = await run({ fallback: true });
    expect(stale).toMatchObject({ state: "completed", output: "fresh", cached: true, stale: true });
    expect(stale?.ageMs).toBeGreaterThan(1);
    expect(stale).toMatchObject({ attempts: 3 });
    expect(calls).toEqual(["main", "main", "other", "third"]);
    expect(await run({ fallback: { tool: "other", cache: false } })).toMatchObject({
      state: "failed",
    });
    expect(await run({ fallback: { tool: "other" }, with: { q: 2 } })).toMatchObject({
      state: "failed",
    });
    expect(await run({})).toMatchObject({ state: "failed" });
  });
});
