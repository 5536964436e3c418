import {
  after,
  AGAIN,
  each,
  FAILS,
  HANGS,
  ONCE,
  step,
  undone,
  UNKNOWN,
  type Right,
} from "./right.ts";
import { story } from "./story.ts";

const policies: Right[] = [
  {
    name: "resilient: the rest goes on, what depends on the failed step is skipped",
    seen: story(
      { onError: "resilient", steps: [step("a"), after("b", "a"), step("c"), after("d", "c")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b skipped 2 <a", "c completed 3", "d completed 4"],
      { state: "partial" },
    ),
  },
  {
    name: "fail_fast: what has not begun is cancelled, also what would be skipped; what runs is aborted",
    seen: story(
      { onError: "fail_fast", steps: [step("a"), step("b"), after("c", "b"), step("d")] },
      { b: FAILS, d: HANGS },
      ["a completed 1", "b failed 2 tool_failed", "c cancelled 3", "d cancelled 3 x1"],
      { state: "failed" },
    ),
    shows: ["failFastStops", "stoppedScopeFails"],
  },
  {
    name: "fail_fast: stops also when there is nothing left to stop",
    seen: story(
      { onError: "fail_fast", steps: [step("a"), step("b")] },
      { b: FAILS },
      ["a completed 1", "b failed 2 tool_failed"],
      { state: "failed" },
    ),
    shows: ["stoppedScopeFails"],
  },
  {
    name: "fail_fast: a forEach that is not to be evaluated has failed like any step",
    seen: story(
      {
        onError: "fail_fast",
        steps: [step("a", { forEach: "input.gone" }), step("b"), after("c", "b")],
      },
      { b: HANGS },
      ["a failed 1 reference_missing x0", "b cancelled 2 x1", "c cancelled 2"],
      { state: "failed" },
    ),
    shows: ["forEachItselfStops"],
  },
  {
    name: "an optional step has no policy",
    seen: story(
      { onError: "fail_fast", steps: [step("a", { optional: true }), step("b")] },
      { a: FAILS },
      ["a failed 1 tool_failed", "b completed 9"],
      { state: "completed" },
    ),
    shows: ["optionalHasNoPolicy"],
  },
  {
    name: "the step's own policy comes first",
    seen: story(
      {
        onError: "fail_fast",
        steps: [step("a", { onError: "resilient" }), after("b", "a"), step("c")],
      },
      { a: FAILS },
      ["a failed 1 tool_failed", "b skipped 2 <a", "c completed 9"],
      { state: "partial" },
    ),
    shows: ["ownPolicyFirst"],
  },
  {
    name: "the group's policy comes before the workflow's, and stops the group only",
    seen: story(
      {
        groups: { g: { onError: "fail_fast" } },
        steps: [
          step("a", { group: "g" }),
          step("b", { group: "g", needs: ["c"] }),
          step("c"),
          after("d", "b"),
        ],
      },
      { a: FAILS },
      ["a failed 1 tool_failed", "c completed 2", "b cancelled 3", "d skipped 4 <b"],
      { state: "partial" },
    ),
    shows: ["groupPolicyBeforeWorkflow"],
  },
  {
    name: "a failure stops nothing outside its group, by whatever policy",
    seen: story(
      {
        onError: "fail_fast",
        groups: { g: { onError: "resilient" } },
        steps: [
          step("a", { group: "g", onError: "fail_fast" }),
          step("b", { group: "g", needs: ["c"] }),
          step("c"),
        ],
      },
      { a: FAILS },
      ["a failed 1 tool_failed", "c completed 2", "b cancelled 3"],
      { state: "partial" },
    ),
    shows: ["groupKeepsFailuresInside"],
  },
  {
    name: "escalate: the workflow's policy is asked as well",
    seen: story(
      {
        onError: "fail_fast",
        groups: { g: { onError: "resilient", escalate: true } },
        steps: [step("a", { group: "g" }), step("c"), after("d", "c")],
      },
      { a: FAILS, c: HANGS },
      ["a failed 1 tool_failed", "c cancelled 2 x1", "d cancelled 2"],
      { state: "failed" },
    ),
    shows: ["escalateAsksWorkflow"],
  },
];

const undoing: Right[] = [
  {
    name: "recovery: stops, then undoes what completed, the last first",
    seen: story(
      {
        onError: "recovery",
        steps: [undone("a"), undone("b"), step("c"), undone("d"), undone("e", { needs: ["d"] })],
      },
      { c: FAILS, d: HANGS },
      [
        "a completed 1",
        "b completed 2",
        "c failed 3 tool_failed",
        "d cancelled 4 x1",
        "e cancelled 4",
        "~b 5",
        "~a 6",
      ],
      { state: "failed" },
    ),
    shows: ["recoveryStops", "recoveryCompensates"],
  },
  {
    name: "recovery of a group undoes the group",
    seen: story(
      {
        groups: { g: { onError: "recovery" } },
        steps: [undone("a"), undone("b", { group: "g" }), step("c", { group: "g" })],
      },
      { c: FAILS },
      ["a completed 1", "b completed 2", "c failed 3 tool_failed", "~b 5"],
      { state: "partial" },
    ),
    shows: ["recoveryCompensates"],
  },
  {
    name: "recovery: a cancel and a deadline are followed by it too",
    seen: story(
      { onError: "recovery", steps: [undone("a"), step("b")] },
      { b: HANGS },
      ["a completed 1", "b cancelled 4 x1", "~a 5"],
      { state: "cancelled", cancel: [2, 3] },
    ),
    shows: ["cancelCompensates"],
  },
  {
    name: "items are undone one by one, also when their forEach has failed",
    seen: story(
      { onError: "recovery", steps: [each(3, { compensate: { tool: "two", with: {} } })] },
      { "e[2]": FAILS },
      [
        "e[0] completed 1",
        "e[1] completed 2",
        "e[2] failed 3 tool_failed",
        "e failed 4 tool_failed x0",
        "~e[1] 5",
        "~e[0] 6",
      ],
      { state: "failed" },
    ),
  },
  {
    name: "a compensation is retried like a step",
    seen: story(
      {
        onError: "recovery",
        steps: [
          undone("a", { compensate: { tool: "two", with: {}, retry: { maxAttempts: 2 } } }),
          step("c"),
        ],
      },
      { c: FAILS, "~a": [...AGAIN, { do: "return", turns: 0 }] },
      ["a completed 1", "c failed 3 tool_failed", "~a 5", "~a 6"],
      { state: "failed" },
    ),
    shows: ["compensationRetries"],
  },
  {
    name: "a compensation that fails in the end: the others still run, and the run says so",
    seen: story(
      { onError: "recovery", steps: [undone("a"), undone("b"), step("c")] },
      { c: FAILS, "~b": AGAIN },
      ["a completed 1", "b completed 2", "c failed 3 tool_failed", "~b 5", "~a 6"],
      { state: "failed", code: "compensation_failed" },
    ),
  },
];

const three = ["a", "b", "c"].map((id) => step(id, { retry: ONCE }));

const adaptive: Right[] = [
  {
    name: "adaptive, transient: as resilient, and as fail_fast from the third call on",
    seen: story(
      { onError: "adaptive", steps: [...three, after("d", "a"), step("e")] },
      { a: AGAIN, b: AGAIN, c: AGAIN, e: HANGS },
      [
        "a failed 1 step_execution_failed",
        "d skipped 2 <a",
        "b failed 3 step_execution_failed",
        "c failed 4 step_execution_failed",
        "e cancelled 5 x1",
      ],
      { state: "failed" },
    ),
    shows: ["adaptiveCountsToThree"],
  },
  {
    name: "adaptive, transient: what a group hands on counts too",
    seen: story(
      {
        onError: "adaptive",
        groups: { g: { onError: "adaptive", escalate: true } },
        steps: [...three.map((one) => (one.id === "c" ? one : { ...one, group: "g" })), step("e")],
      },
      { a: AGAIN, b: AGAIN, c: AGAIN, e: HANGS },
      [
        "a failed 1 step_execution_failed",
        "b failed 3 step_execution_failed",
        "c failed 4 step_execution_failed",
        "e cancelled 5 x1",
      ],
      { state: "failed" },
    ),
    shows: ["adaptiveCountsEscalated"],
  },
  {
    name: "adaptive, invalid: as resilient, however many",
    seen: story(
      { onError: "adaptive", steps: [...three, step("e")] },
      { a: FAILS, b: FAILS, c: FAILS },
      [
        "a failed 1 tool_failed",
        "b failed 2 tool_failed",
        "c failed 3 tool_failed",
        "e completed 9",
      ],
      { state: "partial" },
    ),
  },
  {
    name: "adaptive, unknown: as recovery",
    seen: story(
      { onError: "adaptive", steps: [undone("a"), step("b"), after("c", "b")] },
      { b: UNKNOWN },
      ["a completed 1", "b failed 2 effect_unknown", "c cancelled 3", "~a 4"],
      { state: "failed" },
    ),
    shows: ["adaptiveStopsOnUnknown"],
  },
  {
    name: "adaptive, rate_limited: costs no attempt",
    seen: story(
      { onError: "adaptive", steps: [step("a", { retry: { maxAttempts: 2 } })] },
      { a: [{ do: "busy" }, { do: "busy" }, ...AGAIN, { do: "return", turns: 0 }] },
      ["a completed 2 x4 o2"],
      { state: "completed" },
    ),
    shows: ["rateLimitCostsNothing"],
  },
];

/** What a failure does, and what is undone. */
export const POLICIES: readonly Right[] = [...policies, ...undoing, ...adaptive];
