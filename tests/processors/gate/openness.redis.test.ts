import { expect } from "vitest";

import { Openness } from "../../../processors/gate/openness.ts";
import { Gate, Keys } from "../../../queues/index.ts";
import { takes } from "../../support/gate/gated.ts";
import { test } from "../../support/runner/redis.ts";

test("trouble that is heard of while everything is read is not forgotten", async ({
  redis,
  prefix,
}) => {
  const gate = new Gate(redis, new Keys(prefix));
  await gate.configure({ tools: { free: { declared: takes({}) } } });
  const openness = new Openness(gate);
  await openness.read();
  expect(openness.isOpen("free")).toBe(true);
  const reading = openness.read();
  openness.hear("+b:free", () => {});
  await reading;
  expect(openness.isOpen("free")).toBe(false);
});
