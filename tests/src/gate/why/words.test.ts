import { readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";

import { isWaiting, type Why, type WhyReason } from "../../../../src/gate/why/why.ts";
import { sayOnce, sentenceOf } from "../../../../src/gate/why/words.ts";
import { whyText } from "../../../../src/operations/text/why-text.ts";

const untilMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const root = { subject: "ok", sentence: "ok waits for an approval (Sure?); unknown: nobody." };

/** One of each kind, with what it is in words. */
const REASONS: { readonly [K in WhyReason["kind"]]: [Extract<WhyReason, { kind: K }>, string] } = {
  degraded: [{ kind: "degraded", level: 1 }, "the deployment to leave level reduced"],
  away: [
    { kind: "away", tenant: "acme" },
    "something of it that can start: its place among the runs of acme went to another",
  ],
  breaker: [
    { kind: "breaker", state: "open", untilMs },
    "its breaker, which is open until 2026-01-02 03:04:05 UTC",
  ],
  cool_down: [
    { kind: "cool_down", upstream: "up", untilMs },
    "up, which asked to be left alone until 2026-01-02 03:04:05 UTC",
  ],
  ramp: [
    { kind: "ramp", upstream: "up", allowed: 1, goal: 4 },
    "up, which after its pause takes 1 call at once for now",
  ],
  knee: [
    { kind: "knee", limit: 3 },
    "one of the 3 calls at once that the service was seen to carry",
  ],
  exceeds: [
    { kind: "exceeds", budget: "b", need: 3, capacity: 2, durationMs: 60_000 },
    "more than there is: 3 of b, which has 2 in 1 min",
  ],
  slots: [
    { kind: "slots", budget: "tool:t", need: 1, free: 0, capacity: 1 },
    "1 of 1 slot of t's own limit (0 free)",
  ],
  rate: [
    { kind: "rate", budget: "b", capacity: 100, durationMs: 1_500, untilMs },
    "b, whose 100 units in 1.5 s are used up",
  ],
  behind: [{ kind: "behind", budget: "b", tool: "t" }, "t, which is before it in the line for b"],
  resource: [
    { kind: "resource", resource: "cpu", machine: "m", need: 0.5, free: 0.4 },
    "0.5 cpu of machine m (0.4 free)",
  ],
  drain: [
    { kind: "drain", resource: "cpu", machine: "m", tool: "t" },
    "cpu of machine m, which is kept for t",
  ],
  admission: [
    { kind: "admission", tenant: "acme", ahead: 2, atWork: 10 },
    "its turn among the runs of acme: 10 are at work, 2 wait before it",
  ],
  serial: [
    { kind: "serial", word: "w", holder: "r1", ahead: 0 },
    'its turn among the runs with the word "w": 0 wait before it',
  ],
  dependency: [
    { kind: "dependency", steps: ["a", "b", "c", "d"], root },
    "a, b, c and 1 more to end (ok waits for an approval (Sure?); unknown: nobody)",
  ],
  approval: [{ kind: "approval", message: "Sure?", untilMs: null }, "an approval (Sure?)"],
  event: [{ kind: "event", name: "paid", untilMs: null }, "the event paid"],
  timer: [{ kind: "timer", untilMs }, "its time, 2026-01-02 03:04:05 UTC"],
  paused_run: [{ kind: "paused_run", by: "ann" }, "the run to go on, which ann paused"],
  paused_queue: [{ kind: "paused_queue", tool: "t" }, "the queue of t to go on, which is paused"],
  retry: [
    { kind: "retry", untilMs, attempts: 1, error: "tool_timeout" },
    "its next attempt after 1 failed call (tool_timeout)",
  ],
  width: [
    { kind: "width", width: 16, ahead: 3 },
    "a place among the 16 calls that its run may have underway, 3 before it",
  ],
  no_worker: [{ kind: "no_worker", tool: "t" }, "a worker that serves t; none is alive"],
  position: [{ kind: "position", tool: "t", ahead: 2 }, "2 jobs of t before it"],
  sub_run: [{ kind: "sub_run", runId: "r9", root: null }, "run r9"],
  items: [{ kind: "items", open: 2, root: null }, "2 items of it to end"],
  stopping: [{ kind: "stopping", steps: ["a", "b"] }, "a and b to end, as it is being stopped"],
  steps: [{ kind: "steps", steps: ["a"] }, "a"],
  starting: [{ kind: "starting" }, "nothing"],
  running: [{ kind: "running", sinceMs: null }, "nothing"],
  idle: [{ kind: "idle" }, "nothing"],
  ended: [{ kind: "ended", state: "failed" }, "nothing"],
};

const eta = { atMs: null, basis: "unknown: nobody" };
const all = Object.values(REASONS).map(([reason, words]) => ({ reason, words, kind: reason.kind }));

test.for(all.filter(({ words }) => words !== "nothing"))("$kind in words", ({ reason, words }) => {
  const sentence = sentenceOf("x", { reasons: [reason], holders: [], eta, nowMs: untilMs });
  expect(sentence).toBe(`x waits for ${words}; unknown: nobody.`);
  expect(isWaiting([reason])).toBe(true);
});

test("several reasons, holders and a time make one sentence", () => {
  const holders = [1, 2, 3, 4].map((n) => ({
    of: "b",
    amount: 1,
    tool: "t",
    runId: `r${n}`,
    step: "s",
    sinceMs: untilMs - 12_000,
  }));
  const reasons = [REASONS.slots[0], REASONS.position[0]];
  const known = { atMs: untilMs + 90_000, basis: "mean of 20 calls of t" };
  expect(sentenceOf("x", { reasons, holders, eta: known, nowMs: untilMs })).toBe(
    "x waits for 1 of 1 slot of t's own limit (0 free), and for 2 jobs of t before it; held by t (run r1 step s, for 12 s), t (run r2 step s, for 12 s), t (run r3 step s, for 12 s) and 1 more; free at about 2026-01-02 03:05:35 UTC, in 1.5 min (mean of 20 calls of t).",
  );
  const exact = { atMs: untilMs + 400, basis: "exact" };
  expect(
    sentenceOf("x", { reasons: [REASONS.timer[0]], holders: [], eta: exact, nowMs: untilMs }),
  ).toMatch(/; free at 2026-01-02 03:04:05 UTC, in 400 ms\.$/);
});

test("the documentation has every kind", () => {
  const text = readFileSync("docs/gate.md", "utf8");
  expect(all.filter(({ kind }) => !text.includes(`\`${kind}\``)).map(({ kind }) => kind)).toEqual(
    [],
  );
});

test("a reason that stands twice is said once", () => {
  const reasons = [REASONS.knee[0], REASONS.knee[0], REASONS.position[0]];
  const sentence = sentenceOf("x", { reasons, holders: [], eta, nowMs: untilMs });
  expect(sentence.match(/seen to carry/g)).toHaveLength(1);
});

test("what can go at once is not called free at some moment", () => {
  const soon = { atMs: untilMs, basis: "as soon as a worker asks" };
  expect(
    sentenceOf("x", { reasons: [REASONS.position[0]], holders: [], eta: soon, nowMs: untilMs }),
  ).toBe("x waits for 2 jobs of t before it; it goes as soon as a worker asks.");
});

describe("of a run", () => {
  const of = (step: string, rest: string): Why =>
    ({ runId: "r", step, sentence: `${step} ${rest}.` }) as Why;
  const why = (sentence: string, steps: readonly Why[]): Why =>
    ({ runId: "r", sentence, steps }) as Why;

  test("each sentence is said once", () => {
    const steps = [
      of("a", "waits for X; unknown: nobody"),
      of("b", "waits for X; unknown: nobody"),
      of("c", "runs"),
      of("d", "runs"),
      of("e", "has ended: failed"),
    ];
    expect(sayOnce(steps.map(({ step = "", sentence }) => ({ subject: step, sentence })))).toEqual([
      "a and b each wait for X; unknown: nobody.",
      "c and d each run.",
      "e has ended: failed.",
    ]);
  });

  test("steps are told of below its own sentence only as far as that says more", () => {
    const whole = why("run r waits for the run to go on, which ann paused; unknown: somebody.", [
      of("a", "waits for the run to go on, which ann paused; unknown: somebody"),
      of(
        "b",
        "waits for the run to go on, which ann paused, and for the event paid; unknown: somebody",
      ),
    ]);
    expect(whyText(whole).split("\n").slice(1)).toEqual([
      "  b waits for the run to go on, which ann paused, and for the event paid; unknown: somebody.",
    ]);
    const composed = why("run r waits: a and b each wait for X; c waits for Y.", [
      of("a", "waits for X"),
      of("b", "waits for X"),
      of("c", "waits for Y"),
    ]);
    expect(whyText(composed)).toBe(composed.sentence);
    const runs = why("run r runs.", [of("a", "runs"), of("c", "waits for Y")]);
    expect(whyText(runs)).toBe("run r runs.\n  a runs.\n  c waits for Y.");
  });
});
