import { describe, expect, it } from "vitest";

import { factsOf, stateOf } from "../../../../processors/steps/decisions/endings.ts";
import { parseStepRecord, type Abort, type RunDefinition } from "../../../../queues/index.ts";

const record = (letter: string) =>
  parseStepRecord(
    letter === ""
      ? ""
      : `${letter}1,1,${/[CFSX]/.test(letter) ? 2 : ""},1|${letter === "F" ? '{"code":"tool_failed","message":"no"}' : ""}`,
  );

/** Steps by name; those that end with ? are optional. */
function judged(ends: Record<string, string>, abort: Abort | null = null) {
  const steps = Object.fromEntries(
    Object.keys(ends).map((id) => [id, { optional: id.endsWith("?") }]),
  );
  const records = new Map(Object.entries(ends).map(([id, letter]) => [id, record(letter)]));
  const { facts, ...rest } = factsOf({ steps } as unknown as RunDefinition, records, abort);
  return { state: stateOf(facts), ...rest };
}
const ERROR = { code: "tool_failed", message: "b: no" };

describe("how a run ended, by the ends of its steps", () => {
  it.each([
    [{ a: "C", b: "C" }, { state: "completed" }],
    [{ a: "C", b: "S" }, { state: "completed" }],
    [{ a: "S", b: "S" }, { state: "completed" }],
    [
      { a: "C", b: "F" },
      { state: "partial", error: ERROR },
    ],
    [
      { a: "S", b: "F" },
      { state: "failed", error: ERROR },
    ],
    [{ b: "F" }, { state: "failed", error: ERROR }],
    [{ "a?": "F", b: "C" }, { state: "completed" }],
    [{ "a?": "F" }, { state: "completed" }],
    // What is optional does not save a run either.
    [
      { "a?": "C", b: "F" },
      { state: "failed", error: ERROR },
    ],
    [{ "a?": "", b: "C" }, { state: "completed" }],
  ] as [Record<string, string>, object][])("%j", (ends, expected) => {
    expect(judged(ends)).toEqual(expected);
  });

  it("a step without an ending is a fault of somebody's", () => {
    for (const letter of ["", "R", "B"])
      expect(judged({ a: "C", b: letter })).toMatchObject({
        state: "failed",
        error: { code: "internal_error" },
      });
  });

  it.each([
    ["cancel", "cancelled"],
    ["timeout", "timed_out"],
    ["policy", "failed"],
  ] as const)("stopped by %s: %s", (kind, state) => {
    expect(judged({ a: "X", b: "F" }, { kind, reason: "r" })).toEqual({ state, error: ERROR });
    expect(judged({ a: "X" }, { kind, reason: "r" })).toEqual({ state });
  });
});
