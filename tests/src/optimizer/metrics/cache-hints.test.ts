import { expect, test } from "vitest";

import { learnRepeats, type RepeatState } from "../../../../src/optimizer/metrics/cache-hints.ts";

const WINDOW_MS = 5_000;
type Window = Readonly<
  Record<string, { readonly checked: number; readonly repeated: number; readonly meanMs: number }>
>;

function pass(state: RepeatState, windows: number, tools: Window) {
  let last = { state, hints: [] } as ReturnType<typeof learnRepeats>;
  for (let n = 0; n < windows; n++) last = learnRepeats(last.state, tools, WINDOW_MS);
  return last;
}

const of = (checked: number, repeated: number, meanMs = 1_000) => ({ checked, repeated, meanMs });

test("tools that are asked the same again and again are told, what could be spared most first", () => {
  const { hints } = pass({}, 10, {
    quick: of(10, 8, 10),
    slow: of(10, 3, 2_000),
    seldom: of(10, 1),
    few: of(2, 2),
  });
  expect(hints.map(({ tool }) => tool)).toEqual(["slow", "quick"]);
  expect(hints[0]!.hitShare).toBeCloseTo(0.3);
  expect(hints[0]!.calls).toBeGreaterThan(95);
  // 3 x 10 calls of 2 s, the older ones a little less.
  expect(hints[0]!.sparedMs).toBeGreaterThan(58_000);
  expect(hints[0]!.sparedMs).toBeLessThanOrEqual(60_000);
});

test("what was long ago fades, and tools that are not asked any more are forgotten", () => {
  const { state, hints } = pass({}, 100, { ask: of(1, 1) });
  expect(hints).toHaveLength(1);
  const hour = pass(state, 720, {});
  expect(hour.state["ask"]![0]).toBeCloseTo(state["ask"]![0] / Math.E, 1);
  expect(pass(hour.state, 4_000, {}).state).toEqual({});
  // In the long run it is what comes within an hour.
  expect(pass({}, 5_000, { ask: of(1, 1) }).hints[0]!.calls).toBeCloseTo(720, -1);
});
