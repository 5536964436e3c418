import { describe, expect } from "vitest";

import type { RunEvent } from "../../../src/runs/view/watch.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

/** Collects what a watch tells, until it ends. */
function collect(watch: AsyncIterable<RunEvent>) {
  const events: RunEvent[] = [];
  const ended = (async () => {
    for await (const event of watch) events.push(event);
  })();
  return { events, ended };
}
const held = () => {
  const gate = new Turnstile();
  return {
    gate,
    probe: async (_input: unknown, { stepId, signal }: { stepId: string; signal: AbortSignal }) => {
      await gate.pass(stepId, signal);
      return null;
    },
  };
};

describe("watch", () => {
  test("tells what is undone, step by step and item by item, as the run shows it", async ({
    orchestra: { tutti, work },
  }) => {
    const undo = { tool: "two", with: {} };
    const { runId } = await tutti.submit(
      workflow(
        [
          { id: "a", tool: "one", compensate: undo },
          { id: "e", tool: "one", needs: ["a"], forEach: "[1]", compensate: undo },
          { id: "c", needs: ["e"], retry: { maxAttempts: 1 } },
        ],
        { onError: "recovery" },
      ),
    );
    const { events, ended } = collect(tutti.watch(runId));
    await eventually(() => expect(events).toHaveLength(1));
    await work({
      one: () => 1,
      two: () => 2,
      probe: () => {
        throw new Error("broken");
      },
    });
    await ended;
    const told = events.flatMap((event) => (event.type === "compensation" ? [event] : []));
    expect(told.map(({ compensation: { step, state } }) => `${step} ${state}`)).toEqual([
      "e[0] running",
      "e[0] completed",
      "a running",
      "a completed",
    ]);
    const { compensation } = await tutti.get(runId);
    expect(told.filter(({ compensation: { state } }) => state === "completed")).toEqual(
      compensation!.map((one) => ({ type: "compensation", runId, compensation: one })),
    );
    expect(events.some((event) => event.type === "step" && event.stepId.includes("undo"))).toBe(
      false,
    );
  });

  test("tells a snapshot, then every transition, and ends with the run", async ({
    orchestra: { tutti, work },
  }) => {
    const { runId } = await tutti.submit(
      workflow([
        { id: "a" },
        { id: "e", needs: ["a"], forEach: "[1]", with: { n: "${{ item }}" } },
      ]),
    );
    const { events, ended } = collect(tutti.watch(runId));
    await eventually(() => expect(events).toHaveLength(1));
    await work({ probe: () => 1 });
    await ended;
    const told = events.map((event) => {
      if (event.type === "step") return `${event.stepId} ${event.step.state}`;
      if (event.type === "compensation") return `undo ${event.compensation.step}`;
      return event.type === "run" ? event.state : `snapshot ${event.run.state}`;
    });
    expect(told).toEqual([
      "snapshot queued",
      "a running",
      "running",
      "a completed",
      "e running",
      "e[0] running",
      "e[0] completed",
      // A forEach is entered a second time to join its items.
      "e running",
      "e completed",
      "completed",
    ]);
  });

  test("of a run that has ended is its snapshot", async ({ orchestra: { tutti, work } }) => {
    await work({ probe: () => 1 });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await tutti.result(runId);
    const { events, ended } = collect(tutti.watch(runId));
    await ended;
    expect(events).toMatchObject([{ type: "snapshot", run: { state: "completed" } }]);
  });

  test("that begins late begins with what has happened", async ({ orchestra: { tutti, work } }) => {
    const { gate, probe } = held();
    await work({ probe });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await gate.holds(1);
    const first = collect(tutti.watch(runId));
    const second = collect(tutti.watch(runId));
    await eventually(() => expect(first.events.length + second.events.length).toBe(2));
    expect(second.events[0]).toMatchObject({ run: { steps: { a: { state: "running" } } } });
    gate.open();
    await Promise.all([first.ended, second.ended]);
    expect(second.events.at(-1)).toMatchObject({ type: "run", state: "completed" });
  });

  test("ends although its connection was killed in the middle", async ({
    orchestra: { tutti, work },
    redis,
  }) => {
    const { gate, probe } = held();
    await work({ probe });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    await gate.holds(1);
    const { events, ended } = collect(tutti.watch(runId));
    await eventually(() => expect(events).toHaveLength(1));
    await redis.call("CLIENT", "KILL", "TYPE", "pubsub");
    gate.open();
    await ended;
    const last = events.at(-1)!;
    expect(last.type === "snapshot" ? last.run.state : last.type === "run" && last.state).toBe(
      "completed",
    );
  });

  test("ends when its signal is aborted, and the run goes on", async ({
    orchestra: { tutti, work },
  }) => {
    const { gate, probe } = held();
    await work({ probe });
    const { runId } = await tutti.submit(workflow([{ id: "a" }]));
    const abort = new AbortController();
    const { events, ended } = collect(tutti.watch(runId, { signal: abort.signal }));
    await gate.holds(1);
    await eventually(() => expect(events.length).toBeGreaterThan(0));
    abort.abort();
    await ended;
    gate.open();
    expect((await tutti.result(runId)).state).toBe("completed");
  });

  test("of a run that does not exist is run_not_found", async ({ orchestra: { tutti } }) => {
    await expect(collect(tutti.watch("nobody")).ended).rejects.toMatchObject({
      code: "run_not_found",
    });
  });
});
