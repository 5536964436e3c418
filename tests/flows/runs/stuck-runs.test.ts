import { describe, expect } from "vitest";

import { givePlaces, type ToolHandler } from "../../../processors/index.ts";
import { Keys, Presence } from "../../../queues/index.ts";
import { test } from "../../support/deployment/orchestra.ts";
import { workflow } from "../../support/drawn/workflows.ts";
import { eventually } from "../../support/waiting/eventually.ts";
import { Turnstile } from "../../support/waiting/turnstile.ts";

const WAIT = { timeoutMs: 30_000 };
const CAP = 10;
const stuck = { id: "stuck", tool: "effect" };

/** Runs of which nothing can start, as nobody serves `effect`. */
const SHAPES: Readonly<Record<string, object>> = {
  "a step": workflow([stuck]),
  "a step behind one that has ended": workflow([{ id: "a" }, { ...stuck, needs: ["a"] }]),
  "items of a forEach": workflow([{ ...stuck, forEach: "${{ [1, 2, 3] }}", maxParallel: 2 }]),
  "a run that works for it": workflow([{ id: "inner", workflow: "inner" }]),
  "a step beside one that waits for somebody": workflow([stuck, { id: "ok", approval: "?" }]),
};
const healthy = workflow([{ id: "a" }]);

describe("a run of which nothing runs and nothing can start gives its place:", () => {
  test.for(Object.entries(SHAPES))(
    "%s",
    async ([, shape], { orchestra: { tutti, work, prefix }, redis }) => {
      await tutti.workflows.add({ ...workflow([stuck]), id: "inner" });
      await work({ probe: () => null }, { tools: ["probe"] });
      const plan = tutti.prepare(shape);
      const ids = Array.from({ length: CAP }, (_, n) => `stuck-${n}`);
      for (const runId of ids) await tutti.submit(plan, { runId });
      await tutti.submit(healthy, { runId: "healthy" });
      expect((await tutti.result("healthy", WAIT)).state).toBe("completed");
      const gave = await eventually(async () => {
        const whys = await Promise.all(ids.map((runId) => tutti.why({ runId })));
        const found = whys.find(({ reasons }) => reasons.some(({ kind }) => kind === "away"));
        expect(found).toBeDefined();
        return found!;
      });
      expect(gave.waits).toBe(true);
      expect(gave.sentence).toContain("went to another");

      // Somebody serves it: all take a place again, and end.
      await work({ effect: () => null }, { tools: ["effect"] });
      for (const runId of ids) {
        if (shape === SHAPES["a step beside one that waits for somebody"])
          await tutti.approve(runId, "ok");
        expect((await tutti.result(runId, WAIT)).state).toBe("completed");
      }
      expect(await redis.scard(new Keys(prefix).admitted("default"))).toBe(0);
    },
  );

  test("whose queue is paused", async ({ orchestra: { tutti, work, queues } }) => {
    await queues.get("effect").pause();
    await work({ probe: () => null, effect: () => null });
    for (let n = 0; n < CAP; n++) await tutti.submit(workflow([stuck]), { runId: `stuck-${n}` });
    await tutti.submit(healthy, { runId: "healthy" });
    expect((await tutti.result("healthy", WAIT)).state).toBe("completed");
    await queues.get("effect").resume();
    for (let n = 0; n < CAP; n++)
      expect((await tutti.result(`stuck-${n}`, WAIT)).state).toBe("completed");
  });
});

test("a run of which a call runs, or can start, keeps its place", async ({
  orchestra: { tutti, work, parts, prefix },
  redis,
}) => {
  const turnstile = new Turnstile();
  const probe: ToolHandler = async (_input, { runId, signal }) => {
    await turnstile.pass(runId, signal);
    return null;
  };
  await work({ probe }, { tools: ["probe"] });
  const plan = tutti.prepare(workflow([stuck, { id: "runs" }]));
  for (let n = 0; n < CAP; n++) await tutti.submit(plan, { runId: `busy-${n}` });
  await turnstile.holds(CAP);
  await tutti.submit(healthy, { runId: "next" });
  const presence = new Presence(redis, new Keys(prefix));
  expect(await givePlaces(parts, presence)).toEqual({ gave: [], admitted: [] });
  expect((await tutti.get("next")).admittedAt).toBeNull();
  turnstile.open();
  // Now only what nobody serves is left of them.
  expect((await tutti.result("next", WAIT)).state).toBe("completed");
});

test("nobody gives a place while nobody waits for one", async ({
  orchestra: { tutti, work, parts, prefix },
  redis,
}) => {
  await work({ probe: () => null }, { tools: ["probe"] });
  await tutti.submit(workflow([stuck]), { runId: "alone" });
  const presence = new Presence(redis, new Keys(prefix));
  expect(await givePlaces(parts, presence)).toEqual({ gave: [], admitted: [] });
});
