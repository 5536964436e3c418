import { expect } from "vitest";

import { Gate, Keys, MACHINE_UNITS, ownBudget } from "../../../../queues/index.ts";
import { converge, readRoom } from "../../../../src/optimizer/service/room.ts";
import { test } from "../../../support/runner/redis.ts";

test("what was raised does not wait below what somebody has set by hand", async ({
  redis,
  prefix,
}) => {
  const gate = new Gate(redis, new Keys(prefix));
  const own = ownBudget("ask");
  await gate.configure({ budgets: { [own]: { declared: { slots: 2, maxSlots: 8 } } } });
  const room = () => readRoom(gate);
  expect(await room()).toEqual({ ask: { concurrency: 2, declared: 2, max: 8, isSet: false } });
  expect(await converge(gate, await room(), { ask: 5 })).toEqual(["ask"]);
  expect(await room()).toMatchObject({ ask: { concurrency: 5, tuned: 5 } });
  expect(await converge(gate, await room(), { ask: 5 })).toEqual([]);
  await gate.configure({ budgets: { [own]: { set: { slots: 3 } } } });
  expect(await room()).toMatchObject({ ask: { concurrency: 3, isSet: true } });
  expect(await converge(gate, await room(), { ask: 5 })).toEqual(["ask"]);
  await gate.configure({ budgets: { [own]: { set: false } } });
  expect(await room()).toEqual({ ask: { concurrency: 2, declared: 2, max: 8, isSet: false } });
});

test("a tool may be raised as far as machines carry what its calls need, and its service bears", async ({
  redis,
  prefix,
}) => {
  const gate = new Gate(redis, new Keys(prefix));
  const max = async () => (await readRoom(gate))["ask"]?.max;
  const needs = { cpu: MACHINE_UNITS / 4, memory: MACHINE_UNITS / 10 };
  const limits = { needs, budgets: [], upstream: "ask", importance: 1 } as const;
  await gate.configure({
    tools: { ask: { declared: limits } },
    budgets: { [ownBudget("ask")]: { declared: { slots: 2, maxSlots: "fit" } } },
  });
  // Nothing runs yet: nobody knows of any machine.
  expect(await max()).toBe(2);
  await gate.register({ machine: "a", process: "a1" }, 60_000, { "*": MACHINE_UNITS });
  expect(await max()).toBe(4);
  await gate.register({ machine: "b", process: "b1" }, 60_000, { "*": -1 });
  expect(await max()).toBe(8);
  await gate.configure({ machines: { a: { background: { cpu: 0.3 * MACHINE_UNITS } } } });
  expect(await max()).toBe(6);
  await gate.configure({ tools: { ask: { learned: { needs: { cpu: MACHINE_UNITS / 10 } } } } });
  expect(await max()).toBe(17);
  await gate.configure({ tools: { ask: { learned: { cap: 5 } } } });
  expect(await max()).toBe(5);
  // What is declared is never less than itself.
  await gate.configure({ tools: { ask: { learned: { cap: 1 } } } });
  expect(await max()).toBe(2);
});
