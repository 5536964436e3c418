import { expect } from "vitest";

import { Gate, Keys, OptimizerStore, Samples } from "../../../queues/index.ts";
import { NOTHING_KNOWN, type OptimizerState } from "../../../src/optimizer/think.ts";
import type { Adjustment } from "../../../src/optimizer/tuning/adjustment.ts";
import type { AuditEvent } from "../../../src/optimizing/audit.ts";
import { Optimizer } from "../../../src/optimizing/optimizer.ts";
import { test } from "../../support/redis.ts";

test("what was taken back already is not taken back again, also when another one came to the same number", async ({
  redis,
  prefix,
}) => {
  const keys = new Keys(prefix);
  const gate = new Gate(redis, keys);
  const own = "tool:ask";
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
  const samples = new Samples(redis, keys, gate);
  const optimizer = new Optimizer({
    redis,
    keys,
    samples,
    gate,
    show: async (tools) => {
      shown.push(...tools);
    },
  });
  await gate.configure({ budgets: { [own]: { tuned: { slots: 3 } } } });
  await expect(optimizer.rollBack(1, "ada")).rejects.toMatchObject({
    code: "adjustment_not_found",
  });
  expect(await optimizer.rollBack(2, "ada")).toMatchObject({ id: 2, from: 2 });
  expect(shown).toEqual(["ask"]);
  await expect(optimizer.rollBack(2, "ada")).rejects.toThrow(/no adjustment 2|in force/);
  expect((await gate.show()).budgets[own]).toBe('{"slots":2,"maxSlots":8}');
});
