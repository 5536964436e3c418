import { expect, it } from "vitest";

import { bullFunction, untestedBullScripts } from "../../../queues/connection/index.ts";

it("the scripts of BullMQ that ours call are those that were tested", () => {
  // After an upgrade: read what has changed in them, run the deep tier, then write down the new hashes.
  expect(untestedBullScripts()).toEqual([]);
});

it("a script that BullMQ does not have is told by its name", () => {
  expect(() => bullFunction("moveToNowhere")).toThrow("BullMQ has no script moveToNowhere");
});
