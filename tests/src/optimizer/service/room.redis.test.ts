import { expect } from "vitest";

import { Gate, Keys } from "../../../../queues/index.ts";
import { converge, readRoom } from "../../../../src/optimizer/service/room.ts";
import { test } from "../../../support/redis.ts";

test("what was raised does not wait below what somebody has set by hand", async ({
  redis,
  prefix,
}) => {
  const keys = new Keys(prefix);
  const gate = new Gate(redis, keys);
  const own = "tool:ask";
  await gate.configure({ budgets: { [own]: { declared: { slots: 2, maxSlots: 8 } } } });
  const room = () => readRoom(redis, keys);
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
