/**
 * Runs that docs/semantics.md forbids, and what the model says about them. `but`: the rule that forbids it;
 * without it the run would be right.
 */
import type { Rule } from "../rules.ts";
import type { Seen } from "../words.ts";
import { after, FAILS, HANGS, ONCE, step, undone } from "./right.ts";
import { story } from "./story.ts";

export interface Wrong {
  readonly name: string;
  readonly seen: Seen;
  /** A part of what is said. */
  readonly says: string;
  readonly but?: Rule;
}

export const WRONG: readonly Wrong[] = [
  {
    name: "a step that failed and is called completed",
    seen: story({ steps: [step("a")] }, { a: FAILS }, ["a completed 1"], { state: "completed" }),
    says: "a: was completed (-) after 1 calls, the contract says failed tool_failed after 1 calls",
  },
  {
    name: "a wrong code",
    seen: story({ steps: [step("a")] }, { a: FAILS }, ["a failed 1 tool_denied"], {
      state: "failed",
    }),
    says: "a: was failed (tool_denied)",
  },
  {
    name: "skipped because of the second step that did not complete",
    seen: story(
      { steps: [step("a"), step("b"), after("c", "a", "b")] },
      { a: FAILS, b: FAILS },
      ["a failed 1 tool_failed", "b failed 2 tool_failed", "c skipped 3 <b"],
      { state: "failed" },
    ),
    says: "the contract says skipped because of a after 0 calls",
  },
  {
    name: "skipped although its run was being stopped",
    seen: story(
      { onError: "fail_fast", steps: [step("a"), after("b", "a"), after("c", "b")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b cancelled 2", "c skipped 3 <b"],
      { state: "failed" },
    ),
    says: "c: was skipped (b) after 0 calls, the contract says cancelled after 0 calls",
    but: "stopComesBeforeJoin",
  },
  {
    name: "cancelled although it had ended before the cancel",
    seen: story(
      { steps: [step("a"), step("b")] },
      { b: HANGS },
      ["a cancelled 1", "b cancelled 4 x1"],
      { state: "cancelled", cancel: [2, 3] },
    ),
    says: "a: was cancelled (-) after 0 calls, the contract says completed after 1 calls",
    but: "endedBeforeStopStays",
  },
  {
    name: "cancelled although its call had returned",
    seen: story({ steps: [step("a")] }, {}, ["a cancelled 4 o1", "a called 3 3.5 returned"], {
      state: "cancelled",
      cancel: [2, 3],
    }),
    says: "a: its call returned before it was aborted, and it is cancelled",
    but: "lateCompletionStays",
  },
  {
    name: "begun after a failure had stopped the run",
    seen: story(
      { onError: "fail_fast", steps: [step("a"), step("b"), after("c", "b"), step("d")] },
      { a: FAILS, d: HANGS },
      ["a failed 1 tool_failed", "b completed 3", "c completed 5", "d cancelled 6 x1"],
      { state: "failed" },
    ),
    says: "c: began 34 ms after fail_fast had stopped it",
    but: "failureStopsAtOnce",
  },
  {
    name: "cancelled without any reason",
    seen: story({ steps: [step("a")] }, {}, ["a cancelled 1"], { state: "completed" }),
    says: "a: was cancelled",
  },
  {
    name: "an optional step that stops the run",
    seen: story(
      { onError: "fail_fast", steps: [step("a", { optional: true }), step("b")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b cancelled 2"],
      { state: "failed" },
    ),
    says: "b: was cancelled",
    but: "optionalHasNoPolicy",
  },
  {
    name: "a failure that leaves its group",
    seen: story(
      {
        onError: "fail_fast",
        groups: { g: { onError: "fail_fast" } },
        steps: [step("a", { group: "g" }), step("b")],
      },
      { a: FAILS },
      ["a failed 1 tool_failed", "b cancelled 2"],
      { state: "failed" },
    ),
    says: "b: was cancelled",
    but: "groupKeepsFailuresInside",
  },
  {
    name: "skipped and called",
    seen: story(
      { steps: [step("a", { when: "false" })] },
      {},
      ["a skipped 1", "a called 0.5 0.8 returned"],
      { state: "completed" },
    ),
    says: "a: was skipped and called",
  },
  {
    name: "called before a dependency had ended",
    seen: story({ steps: [step("a"), after("b", "a")] }, {}, ["b completed 1", "a completed 2"], {
      state: "completed",
    }),
    says: "b: was called 15 ms before its join allowed it",
  },
  {
    name: "called while a dependency ran, in the same millisecond",
    seen: story(
      { steps: [step("a"), after("b", "a")] },
      {},
      [
        "a completed 2 x0 o1",
        "a called 1 2.01 returned",
        "b completed 3 x0 o1",
        "b called 2 2.5 returned",
      ],
      { state: "completed" },
    ),
    says: "b: was called while a ran",
  },
  {
    name: "an any step that runs although none completed",
    seen: story(
      { steps: [step("a"), step("b", { needs: ["a"], join: "any" })] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b completed 2"],
      { state: "partial" },
    ),
    says: "b: was completed (-) after 1 calls, the contract says skipped",
    but: "anyNeedsOne",
  },
  {
    name: "two steps at once in mode sequential",
    seen: story(
      { mode: "sequential", steps: [step("a"), step("b")] },
      {},
      [
        "a completed 2 x0 o1",
        "a called 1 2 returned",
        "b completed 3 x0 o1",
        "b called 1.5 3 returned",
      ],
      { state: "completed" },
    ),
    says: "a and b ran at once in mode sequential",
  },
  {
    name: "more items at once than maxParallel",
    seen: story(
      { steps: [step("e", { forEach: "[0, 1]", maxParallel: 1 })] },
      {},
      [
        "e[0] completed 3 x0 o1",
        "e[0] called 1 2 returned",
        "e[1] completed 3 x0 o1",
        "e[1] called 1.5 3 returned",
        "e completed 4 x0",
      ],
      { state: "completed" },
    ),
    says: "e[1]: 2 items at once, 1 may",
  },
  {
    name: "a call too many",
    seen: story(
      { steps: [step("a", { retry: ONCE })] },
      { a: FAILS },
      ["a failed 1 tool_failed x2"],
      {
        state: "failed",
      },
    ),
    says: "a: was failed (tool_failed) after 2 calls, the contract says failed tool_failed after 1 calls",
  },
  {
    name: "a call that is not recorded",
    seen: story({ steps: [step("a")] }, {}, ["a completed 1 x1 o0"], { state: "completed" }),
    says: "a: 0 attempts recorded, 1 expected",
  },
  {
    name: "a call that was never aborted",
    seen: story(
      { steps: [step("a")] },
      { a: HANGS },
      ["a cancelled 4 o1", "a called 1 - running"],
      { state: "cancelled", cancel: [2, 3] },
    ),
    says: "a: its call was never aborted",
  },
  {
    name: "a step without an end",
    seen: story({ steps: [step("a"), step("b")] }, {}, ["a completed 1"], { state: "completed" }),
    says: "b: has no ending",
  },
  {
    name: "a failed item of a forEach that completed",
    seen: story(
      { steps: [step("e", { forEach: "[0]" })] },
      { "e[0]": FAILS },
      ["e[0] failed 1 tool_failed", "e completed 2 x0"],
      { state: "completed" },
    ),
    says: "e: was completed (-) after 0 calls, the contract says failed after 0 calls",
    but: "itemFailureFailsStep",
  },
  {
    name: "undone in the order of completion",
    seen: story(
      { onError: "recovery", steps: [undone("a"), undone("b"), step("c")] },
      { c: FAILS },
      ["a completed 1", "b completed 2", "c failed 3 tool_failed", "~a 5", "~b 6"],
      { state: "failed" },
    ),
    says: "b completed after a and was undone after it",
  },
  {
    name: "not undone",
    seen: story(
      { onError: "recovery", steps: [undone("a"), step("c")] },
      { c: FAILS },
      ["a completed 1", "c failed 3 tool_failed"],
      { state: "failed" },
    ),
    says: "a: was not compensated",
    but: "recoveryCompensates",
  },
  {
    name: "not undone, because of a cancel that came later",
    seen: story(
      { onError: "adaptive", steps: [undone("a"), step("b"), step("c")] },
      { b: [{ do: "fail", code: "effect_unknown", turns: 0 }], c: HANGS },
      ["a completed 1", "b failed 2 effect_unknown", "c cancelled 6 x1"],
      { state: "cancelled", cancel: [4, 5] },
    ),
    says: "a: was not compensated",
    but: "laterStopKeepsCompensation",
  },
  {
    name: "undone without need",
    seen: story(
      { steps: [undone("a"), step("c")] },
      { c: FAILS },
      ["a completed 1", "c failed 3 tool_failed", "~a 5"],
      {
        state: "partial",
      },
    ),
    says: "a: was compensated, and must not be",
  },
  {
    name: "undone before all steps had ended",
    seen: story(
      { onError: "recovery", steps: [undone("a"), step("b"), step("c")] },
      { b: HANGS, c: FAILS },
      ["a completed 1", "c failed 3 tool_failed", "~a 5", "b cancelled 6 x1"],
      { state: "failed" },
    ),
    says: "~a: began before all steps had ended",
  },
  {
    name: "a compensation that failed and is not told",
    seen: story(
      { onError: "recovery", steps: [undone("a"), step("c")] },
      { c: FAILS, "~a": FAILS },
      ["a completed 1", "c failed 3 tool_failed", "~a 5"],
      { state: "failed", code: "tool_failed" },
    ),
    says: "the error of the run is tool_failed; a compensation has failed",
  },
  {
    name: "partial although its scope was stopped",
    seen: story(
      { onError: "fail_fast", steps: [step("a"), step("b")] },
      { b: FAILS },
      ["a completed 1", "b failed 2 tool_failed"],
      { state: "partial" },
    ),
    says: "the run: was partial, the contract says failed",
    but: "stoppedScopeFails",
  },
];
