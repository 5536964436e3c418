import { expect, test } from "vitest";

import { ActiveCalls } from "../../../processors/steps/active-calls.ts";

const abort = { kind: "cancelled", reason: "enough" } as never;
const ofGroup = { ...(abort as object), group: "g" } as never;

test("a call whose step began before it was opened is stopped by what was told in between", () => {
  const calls = new ActiveCalls();
  const number = calls.reserve();
  calls.abort("r", abort);
  const call = calls.open("r", undefined, number);
  expect(call.number).toBe(number);
  expect(call.signal.aborted).toBe(true);
});

test("a stop of its group is told to it as well, and that of another group is not", () => {
  const calls = new ActiveCalls();
  const numbers = [calls.reserve(), calls.reserve()];
  calls.abort("r", ofGroup);
  expect(calls.open("r", "g", numbers[0]).signal.aborted).toBe(true);
  expect(calls.open("r", "other", numbers[1]).signal.aborted).toBe(false);
});

test("a call whose step begins after it was opened reads of a stop in its record", () => {
  const calls = new ActiveCalls();
  calls.abort("r", abort);
  expect(calls.open("r").signal.aborted).toBe(false);
});
