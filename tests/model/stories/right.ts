/**
 * Runs as docs/semantics.md wants them, a row of its tables each. `shows`: rules that decide the run; without
 * one of them the run would be wrong.
 */
import type { Rule } from "../rules.ts";
import type { Action, Seen, Step } from "../words.ts";
import { story } from "./story.ts";

export interface Right {
  readonly name: string;
  readonly seen: Seen;
  readonly shows?: readonly Rule[];
}

export const step = (id: string, more: Partial<Step> = {}): Step => ({
  id,
  tool: "probe",
  ...more,
});
export const after = (id: string, ...needs: string[]): Step => step(id, { needs });
const fails = (code: string): readonly Action[] => [{ do: "fail", code, turns: 0 }];
export const FAILS = fails("tool_failed");
export const AGAIN = fails("step_execution_failed");
export const UNKNOWN = fails("effect_unknown");
export const HANGS: readonly Action[] = [{ do: "hang" }];
export const ONCE = { maxAttempts: 1 };
export const undone = (id: string, more: Partial<Step> = {}): Step =>
  step(id, { compensate: { tool: "two", with: {}, retry: ONCE }, ...more });

const starting: Right[] = [
  {
    name: "all: runs when every dependency completed",
    seen: story(
      { steps: [step("a"), step("b"), after("c", "a", "b")] },
      {},
      ["a completed 1", "b completed 2", "c completed 3"],
      { state: "completed" },
    ),
  },
  {
    name: "all: is skipped otherwise, naming the first other, and so are those behind it",
    seen: story(
      { steps: [step("a"), step("b"), after("c", "b", "a"), after("d", "c")] },
      { a: FAILS, b: FAILS },
      ["a failed 1 tool_failed", "b failed 2 tool_failed", "c skipped 3 <b", "d skipped 4 <c"],
      { state: "failed" },
    ),
    shows: ["partialNeedsCompleted"],
  },
  {
    name: "all: a dependency that is optional need not complete",
    seen: story(
      { steps: [step("a", { optional: true }), after("b", "a")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b completed 2"],
      { state: "completed" },
    ),
    shows: ["optionalFulfillsJoin", "optionalDoesNotCount"],
  },
  {
    name: "settled: always runs",
    seen: story(
      { steps: [step("a"), step("b", { needs: ["a"], join: "settled" })] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b completed 2"],
      { state: "partial" },
    ),
    shows: ["settledAlwaysRuns"],
  },
  {
    name: "any: starts with the first that completed",
    seen: story(
      { steps: [step("a"), step("b"), step("c", { needs: ["a", "b"], join: "any" })] },
      {},
      ["a completed 1", "c completed 3", "b completed 5"],
      { state: "completed" },
    ),
    shows: ["anyStartsWithFirst"],
  },
  {
    name: "any: is skipped when every one ended and none completed",
    seen: story(
      { steps: [step("a"), step("b"), step("c", { needs: ["a", "b"], join: "any" })] },
      { a: FAILS, b: FAILS },
      ["a failed 1 tool_failed", "b failed 2 tool_failed", "c skipped 3"],
      { state: "failed" },
    ),
    shows: ["anyNeedsOne"],
  },
  {
    name: "any: what its condition reads may not have ended yet",
    seen: story(
      {
        steps: [
          step("a"),
          step("b"),
          step("c", { needs: ["a"], join: "any", when: "steps.b.state == 'completed'" }),
        ],
      },
      {},
      ["a completed 1", "c skipped 3", "b completed 5"],
      { state: "completed" },
    ),
  },
  {
    name: "dependencies stand in needs, in expressions and in conditions",
    seen: story(
      {
        steps: [
          step("a"),
          step("b", { postconditions: ["ready"] }),
          step("c", { when: "${{ steps.a.state == 'failed' }}", join: "settled" }),
          step("d", { preconditions: ["ready"] }),
        ],
      },
      { a: FAILS, b: FAILS },
      ["a failed 1 tool_failed", "b failed 2 tool_failed", "c completed 3", "d skipped 4 <b"],
      { state: "partial" },
    ),
  },
  {
    name: "the join is asked before when",
    seen: story(
      { steps: [step("a"), step("b", { needs: ["a"], when: "input.gone == 1" })] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b skipped 2 <a"],
      { state: "failed" },
    ),
    shows: ["joinComesBeforeWhen"],
  },
  {
    name: "when is false: skipped; a run of nothing but skipped steps is completed",
    seen: story({ steps: [step("a", { when: "false" })] }, {}, ["a skipped 1"], {
      state: "completed",
    }),
    shows: ["whenSkips"],
  },
  {
    name: "an expression that cannot be evaluated: failed, and no call",
    seen: story(
      {
        steps: [
          step("a", { when: "input.gone == 1" }),
          step("b", { with: { x: "${{ input.gone }}" } }),
        ],
      },
      {},
      ["a failed 1 reference_missing x0", "b failed 2 reference_missing x0"],
      { state: "failed" },
    ),
    shows: ["unevaluableFails"],
  },
  {
    name: "a precondition does not hold: failed, and no call",
    seen: story(
      { steps: [step("a", { preconditions: [{ check: "false" }] })] },
      {},
      ["a failed 1 precondition_failed x0"],
      { state: "failed" },
    ),
    shows: ["preconditionFails"],
  },
  {
    name: "sequential: one after another",
    seen: story(
      { mode: "sequential", steps: [step("a"), step("b"), after("c", "a")] },
      { b: FAILS },
      ["a completed 1", "b failed 2 tool_failed", "c completed 3"],
      { state: "partial" },
    ),
  },
];

export const each = (count: number, more: Partial<Step> = {}): Step =>
  step("e", { forEach: JSON.stringify(Array.from({ length: count }, (_, n) => n)), ...more });

const items: Right[] = [
  {
    name: "forEach: completes without items",
    seen: story({ steps: [each(0), after("b", "e")] }, {}, ["e completed 1 x0", "b completed 2"], {
      state: "completed",
    }),
    shows: ["emptyForEachCompletes"],
  },
  {
    name: "forEach: the other items go on when one fails, and it has failed",
    seen: story(
      { steps: [each(3)] },
      { "e[0]": FAILS },
      [
        "e[0] failed 1 tool_failed",
        "e[1] completed 2",
        "e[2] completed 3",
        "e failed 4 tool_failed x0",
      ],
      { state: "failed" },
    ),
    shows: ["itemFailureFailsStep"],
  },
  {
    name: "forEach: is cancelled when items were and none failed",
    seen: story(
      { steps: [each(3)] },
      { "e[1]": HANGS },
      ["e[0] completed 1", "e[1] cancelled 4 x1", "e[2] cancelled 4", "e cancelled 5"],
      { state: "cancelled", cancel: [2, 3] },
    ),
  },
  {
    name: "forEach: the policy stops the other items; one failed, so it has failed",
    seen: story(
      { onError: "fail_fast", steps: [each(3)] },
      { "e[0]": FAILS, "e[1]": HANGS },
      [
        "e[0] failed 1 tool_failed",
        "e[1] cancelled 2 x1",
        "e[2] cancelled 2",
        "e failed 3 tool_failed x0",
      ],
      { state: "failed" },
    ),
    shows: ["failedBeforeCancelled", "failFastStops"],
  },
];

const calls: Right[] = [
  {
    name: "retry: every call is an attempt, the last one decides",
    seen: story(
      {
        steps: [step("a", { retry: { maxAttempts: 3 } }), step("b", { retry: { maxAttempts: 2 } })],
      },
      { a: [...AGAIN, ...AGAIN, { do: "return", turns: 0 }], b: AGAIN },
      ["a completed 1 x3", "b failed 2 step_execution_failed x2"],
      { state: "partial" },
    ),
  },
  {
    name: "a call that hangs is given up by its step and tried again",
    seen: story(
      { steps: [step("a", { timeoutMs: 5, retry: { maxAttempts: 2 } })] },
      { a: HANGS },
      ["a failed 2 tool_timeout x2"],
      { state: "failed" },
    ),
  },
  {
    name: "a call that completes although its run was stopped stays completed",
    seen: story(
      { steps: [step("a"), after("b", "a")] },
      { a: [{ do: "heedless", turns: 9 }] },
      ["a completed 5 @1", "b cancelled 6"],
      { state: "cancelled", cancel: [2, 3] },
    ),
  },
  {
    name: "a deadline cancels what had not ended",
    seen: story(
      { timeoutMs: 20, steps: [step("a"), step("b"), after("c", "b")] },
      { b: HANGS },
      ["a completed 1", "b cancelled 4 x1", "c cancelled 4"],
      { state: "timed_out" },
    ),
  },
];

const ends: Right[] = [
  {
    name: "steps of an optional group do not count",
    seen: story(
      { groups: { g: { optional: true } }, steps: [step("a", { group: "g" }), step("b")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b completed 2"],
      { state: "completed" },
    ),
    shows: ["groupOptionalDoesNotCount"],
  },
  {
    name: "a step that failed comes before an output that cannot be evaluated",
    seen: story(
      { output: "${{ input.gone }}", steps: [step("a"), step("b")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b completed 2"],
      { state: "partial" },
    ),
  },
  {
    name: "an output that cannot be evaluated comes before a criterion",
    seen: story(
      { output: "${{ input.gone }}", success: ["false"], steps: [step("a")] },
      {},
      ["a completed 1"],
      { state: "failed" },
    ),
    shows: ["outputMustEvaluate"],
  },
  {
    name: "a criterion does not hold",
    seen: story({ success: ["true", "false"], steps: [step("a")] }, {}, ["a completed 1"], {
      state: "completed_with_unmet_criteria",
    }),
    shows: ["criteriaMustHold"],
  },
  {
    name: "a cancel comes before a failure that stopped the run",
    seen: story(
      { onError: "fail_fast", steps: [step("a"), step("b")] },
      { a: FAILS, b: HANGS },
      ["a failed 4 tool_failed @1", "b cancelled 4 x1"],
      { state: "cancelled", cancel: [2, 3] },
    ),
  },
];

/** How steps start and end, and how a run does. */
export const RIGHT: readonly Right[] = [...starting, ...items, ...calls, ...ends];
