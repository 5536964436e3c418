import { describe, expect, it } from "vitest";

import { joinDecision } from "../../../../processors/steps/decisions/join.ts";
import { parseStepRecord, type StepDefinition, type StepRecord } from "../../../../queues/index.ts";

const record = (letter: string): StepRecord =>
  parseStepRecord(
    letter === ""
      ? ""
      : `${letter}1,1,${/[CFSX]/.test(letter) ? 2 : ""},1|${/[FB]/.test(letter) ? '{"code":"x","message":"y"}' : ""}`,
  );

const step = (join: "all" | "settled"): StepDefinition => ({
  tool: "t",
  with: {},
  needs: [],
  join,
  retry: { maxAttempts: 1, backoff: "fixed", baseDelayMs: 0, maxDelayMs: 0, jitter: false },
  timeoutMs: 1,
  optional: false,
  idempotent: true,
});

const RUN = { kind: "run" };
const skip = (reason: string) => ({ kind: "skip", reason });
const early = (waitsFor: string) => ({ kind: "early", waitsFor });

/** C completed, F failed, S skipped, X cancelled, R running, B retrying, "" pending; small = optional. */
describe("whether a step may run, by the ends of its dependencies", () => {
  it.each([
    [{}, RUN, RUN],
    [{ a: "C" }, RUN, RUN],
    [{ a: "F" }, skip("a failed"), RUN],
    [{ a: "S" }, skip("a was skipped"), RUN],
    [{ a: "X" }, skip("a was cancelled"), RUN],
    [{ a: "C", b: "F", c: "S" }, skip("b failed"), RUN],
    [{ "a?": "F" }, RUN, RUN],
    [{ "a?": "S", b: "C" }, RUN, RUN],
    [{ "a?": "F", b: "S" }, skip("b was skipped"), RUN],
    [{ a: "" }, early("a"), early("a")],
    [{ a: "R" }, early("a"), early("a")],
    [{ a: "B" }, early("a"), early("a")],
    [{ "a?": "" }, early("a?"), early("a?")],
    // Somebody else's failure is no reason to joinDecision before all have ended.
    [{ a: "F", b: "" }, early("b"), early("b")],
  ] as [Record<string, string>, object, object][])("%j", (ends, all, settled) => {
    const dependencies = new Map(Object.entries(ends).map(([id, letter]) => [id, record(letter)]));
    const isOptional = (id: string) => id.endsWith("?");
    expect(joinDecision(step("all"), dependencies, isOptional)).toEqual(all);
    expect(joinDecision(step("settled"), dependencies, isOptional)).toEqual(settled);
  });
});

describe("the record of a step", () => {
  it("is read in all its forms", () => {
    expect(record("")).toMatchObject({ state: "pending", attempts: 0 });
    expect(record("C")).toMatchObject({ state: "completed", startedAtMs: 1, finishedAtMs: 2 });
    expect(parseStepRecord("S3,,9,0|a failed")).toEqual({
      state: "skipped",
      start: 3,
      startedAtMs: null,
      finishedAtMs: 9,
      attempts: 0,
      reason: "a failed",
    });
    expect(parseStepRecord('F3,1,9,2|{"code":"a","message":"b|c\\n"}').error?.message).toBe(
      "b|c\n",
    );
    expect(() => parseStepRecord("?")).toThrow("unreadable");
  });
});
