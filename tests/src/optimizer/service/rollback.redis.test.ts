import { expect } from "vitest";

import { OptimizerStore } from "../../../../queues/client.ts";
import { Gate, Keys, ownBudget } from "../../../../queues/index.ts";
import type { AuditEvent } from "../../../../src/optimizer/service/audit.ts";
import { Optimizer } from "../../../../src/optimizer/service/optimizer.ts";
import { NOTHING_KNOWN, type OptimizerState } from "../../../../src/optimizer/think.ts";
import type { Adjustment } from "../../../../src/optimizer/tuning/adjustment.ts";
import { openStores } from "../../../../src/stores.ts";
import { test } from "../../../support/runner/redis.ts";

test("what was taken back already is not taken back again, also when another one came to the same number", async ({
  redis,
  prefix,
}) => {
  const keys = new Keys(prefix);
  const gate = new Gate(redis, keys);
  const own = ownBudget("ask");
  await gate.configure({ budgets: { [own]: { declared: { slots: 2, maxSlots: 8 } } } });
  const raise = (id: number): Adjustment => ({
    id,
    tool: "ask",
    what: "concurrency",
    from: 2,
    to: 3,
    why: "",
    atMs: id,
  });
  const effect = { beforePerS: 1, afterPerS: 1, gain: 1, bar: 1.1, windows: 3 };
  const by = "optimizer";
  const events: AuditEvent[] = [
    { event: "made", by, adjustment: raise(1) },
    { event: "judged", verdict: "reverted", reason: "", effect, by, adjustment: raise(1) },
    { event: "made", by, adjustment: raise(2) },
  ];
  const store = new OptimizerStore<OptimizerState, object, AuditEvent>(redis, keys);
  const tuning = { ...NOTHING_KNOWN.tuning, lastId: 2, desired: { ask: 3 } };
  expect(await store.keep("0", { ...NOTHING_KNOWN, tuning }, events)).toBe(true);
  // A pass that read the state before finds that another one was faster.
  expect(await store.keep("0", NOTHING_KNOWN, [])).toBe(false);
  const shown: string[] = [];
  const optimizer = new Optimizer({
    ...openStores(redis, keys),
    show: async (tools) => {
      shown.push(...tools);
    },
  });
  await gate.configure({ budgets: { [own]: { tuned: { slots: 3 } } } });
  await expect(optimizer.rollBack(1, "ada")).rejects.toMatchObject({
    code: "adjustment_not_found",
  });
  expect(await optimizer.rollBack(2, "ada", true)).toMatchObject({ id: 2, from: 2 });
  expect(shown).toEqual([]);
  expect(await optimizer.rollBack(2, "ada")).toMatchObject({ id: 2, from: 2 });
  expect(shown).toEqual(["ask"]);
  await expect(optimizer.rollBack(2, "ada")).rejects.toThrow(/no adjustment 2|in force/);
  expect((await gate.show()).budgets.get(own)).toEqual({ slots: 2, maxSlots: 8 });
});

test("a cap that the learner moved is taken back, and the optimizer that is turned off lets go of it", async ({
  redis,
  prefix,
}) => {
  const keys = new Keys(prefix);
  const gate = new Gate(redis, keys);
  await gate.configure({
    tools: { ask: { declared: { needs: {}, external: true, cap: 6 }, learned: { cap: 10 } } },
  });
  const adjustment = {
    id: 1,
    tool: "ask",
    what: "cap",
    from: 40,
    to: 10,
    why: "",
    atMs: 0,
  } as const;
  const store = new OptimizerStore<OptimizerState, object, AuditEvent>(redis, keys);
  const state = { ...NOTHING_KNOWN, caps: { told: { ask: { cap: 10 } }, pins: {} } };
  expect(await store.keep("0", state, [{ event: "learned", by: "learner", adjustment }])).toBe(
    true,
  );
  const optimizer = new Optimizer({ ...openStores(redis, keys), show: async () => {} });
  const cap = async () => (await gate.show()).tools.get("ask")?.limits.cap;
  expect(await cap()).toBe(10);
  expect(await optimizer.rollBack(1, "ada")).toMatchObject({ what: "cap", from: 40 });
  expect(await cap()).toBe(40);
  await expect(optimizer.rollBack(1, "ada")).rejects.toMatchObject({
    code: "adjustment_not_found",
  });
  await optimizer.turn(false);
  expect(await cap()).toBe(10);
});
